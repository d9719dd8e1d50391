/** Activity: how much was done week by week, by whom, and the open deals that want attention. */

import { html, useEffect } from "../vendor/preact.js";
import { call } from "../app/api.js";
import { useLoad } from "../app/load.js";
import { parameters } from "../app/router.js";
import { status, useStatus } from "../app/service.js";
import { errorsOf } from "../parts/fields.js";
import { NoDeals } from "../parts/no_deals.js";
import { readStages } from "../parts/stages.js";
import { Empty, Loaded } from "../parts/states.js";
import { inOrder } from "../parts/types.js";
import { Attention } from "./attention.js";
import { today } from "./days.js";
import { Filters, SHOWN } from "./filters.js";
import { Owners } from "./owners.js";
import { Periods } from "./periods.js";
import { NOTHING, daysOf, isFiltered, useQuestion } from "./question.js";

/** The page. */
export function Page() {
  const { question, ask } = useQuestion();
  const service = useStatus();
  const now = today(service?.time_zone);
  const days = daysOf(question, now);
  const of = { ...days, stage: question.stage };
  const periods = useSummary({ ...of, by: question.by, owner: question.owner });
  // Of all owners: those that are not chosen can be chosen beside the others.
  const owners = useSummary({ ...of, by: "owner" });
  const stages = useLoad(readStages, "stages").data ?? [];
  const errors = errorsOf(periods.error, SHOWN);
  useEffect(() => void (document.title = "Activity · dealcache"), []);
  // The status is some seconds behind: where there are activities, there are deals.
  const isEmpty = service?.data.deals === 0 && periods.data?.total === 0;
  if (isEmpty) return html`<h1 class="activity-empty">Activity</h1><${NoDeals} />`;
  const names = (owners.data?.rows ?? []).map((row) => row.label);
  const clear = () => ask(NOTHING);
  return html`
    <div class="page-head">
      <h1>Activity</h1>
      ${isFiltered(question) && html`<button type="button" onClick=${clear}>Clear filters</button>`}
    </div>
    <${Filters} question=${question} days=${days} stages=${stages} owners=${names} errors=${errors ?? {}} ask=${ask} />
    ${errors
      ? html`<${Refused} clear=${clear} />`
      : html`<${Pictures} periods=${periods} owners=${owners} now=${now} question=${question} ask=${ask} />
          <${Attention} question=${question} stages=${stages} now=${now} ask=${ask} />`}
  `;
}

function Refused({ clear }) {
  return html`<${Empty} title="These filters cannot be applied.">
    <p>What is wrong stands beside the fields.</p>
    <button type="button" onClick=${clear}>Show all activities</button>
  </${Empty}>`;
}

/** The activities over time, and those of each owner. */
function Pictures({ periods, owners, now, question, ask }) {
  const typesIn = (rows) => inOrder(rows.flatMap((row) => Object.keys(row.by_type)));
  const chosenOf = (types) => (question.type.length ? types.filter((type) => question.type.includes(type)) : types);
  return html`<div class="activity-pictures">
    <section class="panel" aria-labelledby="periods-title">
      <h2 id="periods-title">Activities by ${question.by}</h2>
      <${Loaded} loading=${periods} what="the activities">
        ${(summary) =>
          html`<${Periods} summary=${summary} types=${typesIn(summary.rows)} now=${now} question=${question} ask=${ask} />`}
      </${Loaded}>
    </section>
    <section class="panel" aria-labelledby="owners-title">
      <h2 id="owners-title">By owner</h2>
      <${Loaded} loading=${owners} what="the owners">
        ${({ rows }) =>
          html`<${Owners}
            rows=${rows}
            types=${chosenOf(typesIn(rows))}
            words=${question.owner}
            onChange=${(owner) => ask({ owner })}
          />`}
      </${Loaded}>
    </section>
  </div>`;
}

function useSummary(query) {
  const read = async (signal) => (await call("/api/hubspot/v2/activity-summary", { query, signal })).data;
  return useLoad(read, parameters(query).toString(), { moves: isFirstSync });
}

/** Return true while a sync runs and there was nothing yet: then the first activities are shown soon. */
function isFirstSync({ total }) {
  return status.value?.sync.running != null && total === 0;
}
