// How a web UI may use the types of dealcache.d.ts: each path knows its parameters, its answer and its errors.
//
// Copy what you need. Nothing is generated but the types, so this file has no dependency.

import type { BatchParameters, DealInfo, Event, Problem, StageDeal, Timeline, paths } from "./dealcache";

/** Paths that can be read. */
type ReadPath = { [Path in keyof paths]: paths[Path] extends { get: object } ? Path : never }[keyof paths];

/** The JSON that a path answers with. */
type AnswerOf<Path extends ReadPath> = paths[Path] extends {
  get: { responses: { 200: { content: { "application/json": infer Answer } } } };
}
  ? Answer
  : never;

/** Conditions on own properties: each is a parameter of its own, and may be given several times. */
type OwnProperties = { [name: `property.${string}`]: string | string[] };

/** The parameters of a path; `deal` stands for `dealName` or `dealId`, `property` for those of own properties. */
type QueryOf<Path extends ReadPath> = paths[Path] extends { get: { parameters: { query?: infer Query } } }
  ? Query extends { deal: infer Deal }
    ? Omit<Query, "deal"> & Deal
    : "property" extends keyof Query
      ? Omit<Query, "property"> & OwnProperties
      : Query
  : never;

/** A query may be left out where none of its parameters is needed. */
type Arguments<Query> = [Query] extends [never] ? [] : object extends Query ? [query?: Query] : [query: Query];

/** The service's description of an error: `status`, `detail` and, for a wrong parameter, `errors` by field. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

export class Dealcache {
  constructor(
    private readonly baseUrl: string,
    private readonly headers: Record<string, string> = {},
  ) {}

  async read<Path extends ReadPath>(path: Path, ...[query]: Arguments<QueryOf<Path>>): Promise<AnswerOf<Path>> {
    const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
    const search = new URLSearchParams(given.flatMap(([name, value]) => pairsOf(name, value)));
    return this.answer(await fetch(`${this.baseUrl}${path}?${search}`, { headers: this.headers }));
  }

  async batch(wanted: BatchParameters) {
    type Batch = paths["/api/hubspot/deals-batch"]["post"]["responses"][200]["content"]["application/json"];
    const headers = { ...this.headers, "Content-Type": "application/json" };
    const request = { method: "POST", headers, body: JSON.stringify(wanted) };
    return this.answer<Batch>(await fetch(`${this.baseUrl}/api/hubspot/deals-batch`, request));
  }

  private async answer<Answer>(response: Response): Promise<Answer> {
    if (!response.ok) throw new ProblemError((await response.json()) as Problem);
    return (await response.json()) as Answer;
  }
}

/** A parameter as it stands in the address: several values repeat it, but those of `types` are one, with commas. */
const pairsOf = (name: string, value: unknown): string[][] =>
  Array.isArray(value) && name !== "types" ? value.map((one) => [name, String(one)]) : [[name, String(value)]];

/** The page of a deal: three views at once. */
export async function dealPage(service: Dealcache, dealName: string) {
  const [info, timeline, { count, by_type }] = await Promise.all([
    service.read("/api/hubspot/deal-info", { dealName }),
    service.read("/api/hubspot/deal-timeline", { dealName, types: ["Meeting", "Call"], limit: 100 }),
    service.read("/api/hubspot/deal-activities-count", { dealName }),
  ]);
  return { title: titleOf(info), days: daysOf(timeline), meetings: by_type["Meeting"] ?? 0, count };
}

/** The page of all deals: each list, and a stage's deals as the table shows them. */
export async function overviewPage(service: Dealcache, stage: string) {
  const [deals, stages, summary, ofStage] = await Promise.all([
    service.read("/api/hubspot/v2/all-deals"),
    service.read("/api/hubspot/v2/stages"),
    service.read("/api/hubspot/v2/pipeline-summary"),
    service.read("/api/hubspot/v2/deals", { stage }),
  ]);
  const won = stages.filter((one) => one.closed_won === "true").map((one) => one.stage_name);
  const total = summary.reduce((sum, line) => sum + line.amount, 0);
  return { names: deals.map((deal) => deal.name ?? deal.deal_id), won, total, rows: ofStage.map(rowOf) };
}

/** Several deals in one request; those that could not be read say why. */
export async function activityCounts(service: Dealcache, names: string[]): Promise<Record<string, number | string>> {
  const { deals, errors } = await service.batch({ deal_names: names, include: ["activities_count"] });
  const counts = Object.entries(deals).map(([name, deal]) => [name, deal.activities_count?.count ?? 0] as const);
  const reasons = Object.entries(errors).map(([name, error]) => [name, error.detail] as const);
  return Object.fromEntries([...counts, ...reasons]);
}

const titleOf = (info: DealInfo): string => `${info.dealName}: ${info.dealStage}, ${info.amount ?? "no amount"}`;

const daysOf = (timeline: Timeline): string[] => timeline.events.map(lineOf);

const lineOf = ({ date_str, type, subject }: Event): string => `${date_str} ${type}: ${subject}`;

const rowOf = (deal: StageDeal): string[] => [deal.Deal_Name, deal.Amount ?? "", deal.Closed_Won ?? ""];
