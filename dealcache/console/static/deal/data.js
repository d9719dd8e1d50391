/** A deal's facts and timeline: read, refreshed from HubSpot, read again when they change, and what changed. */

import { useEffect, useRef, useState } from "../vendor/preact.js";
import { call, change } from "../app/api.js";
import { useLoad } from "../app/load.js";
import { factChanges, timelineChanges } from "./changes.js";
import { useLive } from "./live.js";

const INFO = "/api/hubspot/deal-info";
const TIMELINE = "/api/hubspot/deal-timeline";
const STAGES = "/api/hubspot/deal-stages";

/** Milliseconds within which changes that are read one after the other are told together. */
const TOGETHER = 5_000;

const NO_NEWS = { at: null, parts: [], added: new Set(), refreshed: null };

/**
 * Read a deal, and follow it.
 *
 * @param {string} id HubSpot's id.
 * @param {boolean} hasStages true if the service knows the history of stages.
 * @returns {{info: Object, timeline: Object, stages: Object, news: Object, live: string, refresh: () => Promise<boolean>}} `info`,
 *   `timeline` and `stages` are as of useLoad, their data {content, source}. `news` is what changed last while the page is open:
 *   {at, parts, added, refreshed}: words, the ids of new events, and {tier, milliseconds, asOf} if it was asked for.
 *   `refresh` takes the deal from HubSpot; its promise is false if it was not allowed to, and fails with ApiError.
 */
export function useDeal(id, hasStages) {
  const info = useView(INFO, id);
  const timeline = useView(TIMELINE, id);
  const stages = useView(STAGES, id, hasStages);
  const [news, setNews] = useState(NO_NEWS);
  const seen = useRef({ info: null, timeline: null });

  const compare = () => {
    const before = seen.current;
    const now = (seen.current = { info: info.newest(), timeline: timeline.newest() });
    const facts = before.info && now.info !== before.info ? factChanges(before.info, now.info) : [];
    if (!before.timeline || now.timeline === before.timeline) return { parts: facts, added: new Set() };
    const { added, text } = timelineChanges(before.timeline, now.timeline);
    return { parts: text === null ? facts : [...facts, text], added };
  };

  useEffect(() => {
    const { parts, added } = compare();
    if (parts.length) setNews((before) => joined(before, { at: Date.now(), parts, added, refreshed: null }));
  }, [info.newest(), timeline.newest()]);

  const reload = (changed = ["info", "timeline"]) => {
    if (changed.includes("timeline")) timeline.reload();
    if (hasStages) stages.reload();
    info.reload(); // which tells of the first and the last activity too
  };
  const content = info.data?.content ?? null;
  // A deal that was merged into another one has its id, under which its changes are told.
  const live = useLive(content && { id: content.dealId, name: content.dealName }, reload, () => reload());

  const refresh = async () => {
    const answer = await change(TIMELINE, { query: { dealId: id, refresh: "true" } });
    if (answer === null) return false;
    const facts = await call(INFO, { query: { dealId: id } });
    timeline.take(answer);
    info.take(facts);
    if (hasStages) stages.reload();
    const { tier, milliseconds, asOf } = sourceOf(answer.headers, answer.milliseconds);
    setNews({ at: Date.now(), ...compare(), refreshed: { tier, milliseconds, asOf } });
    return true;
  };
  return { info, timeline, stages, news, live, refresh };
}

function joined(before, now) {
  if (before.at === null || before.refreshed || now.at - before.at > TOGETHER) return now;
  const parts = [...new Set([...before.parts, ...now.parts])];
  return { ...now, parts, added: new Set([...before.added, ...now.added]) };
}

/** One view of a deal, if it is wanted. While its entity tag is the same, its content is the same object: nothing is drawn again. */
function useView(path, dealId, isWanted = true) {
  const last = useRef({ tag: null, content: null });
  const accept = ({ data, headers, milliseconds }) => {
    const tag = headers.get("ETag");
    if (tag === null || tag !== last.current.tag) last.current = { tag, content: data };
    return { content: last.current.content, source: sourceOf(headers, milliseconds) };
  };
  const loading = useLoad(async (signal) => accept(await call(path, { query: { dealId }, signal })), isWanted ? dealId : null);
  const [taken, setTaken] = useState(null);
  const isNewer = taken !== null && taken.source.at > (loading.data?.source.at ?? 0);
  const shown = isNewer ? { ...loading, data: taken, error: null, isStale: false } : loading;
  return { ...shown, newest: () => last.current.content, take: (answer) => setTaken(accept(answer)) };
}

/** Return where an answer came from: its tier, how long it was in the cache, up to when HubSpot is in it. */
function sourceOf(headers, milliseconds) {
  const spent = [...(headers.get("Server-Timing") ?? "").matchAll(/dur=([\d.]+)/g)];
  return {
    tier: headers.get("X-Cache-Tier"),
    status: headers.get("Cache-Status") ?? "",
    age: Number(headers.get("Age")),
    asOf: headers.get("X-Data-As-Of"),
    inService: spent.reduce((sum, [, one]) => sum + Number(one), 0),
    milliseconds,
    at: Date.now(),
  };
}
