/** Open deals that want attention: the first of them, how many there are, and the way to them all. */

import { html } from "../vendor/preact.js";
import { call } from "../app/api.js";
import { NONE, count, counted, day, dealName, isNamed } from "../app/format.js";
import { amount } from "../app/money.js";
import { useLoad } from "../app/load.js";
import { address, parameters } from "../app/router.js";
import { wordFor } from "../parts/stages.js";
import { Loaded } from "../parts/states.js";
import { daysBetween } from "./days.js";
import { addressed } from "./question.js";

const SHOWN = 10;

/**
 * A panel of deals.
 *
 * @param {string} id of its heading.
 * @param {string} title its heading.
 * @param {Object} query the filters and the order, as the API and the page of deals have them.
 * @param {string} none what is said if there is no such deal.
 * @param {string} now the present day.
 * @param {Object} question what the page asks, and `stages`, all stages: for links that filter.
 * @param {any} children stands below the heading.
 */
export function DealsPanel({ id, title, query, none, now, question, stages, children }) {
  const loading = useLoad((signal) => readFirst(query, signal), parameters(query).toString(), { moves: () => false });
  return html`<section class="panel" aria-labelledby=${id}>
    <h2 id=${id}>${title}</h2>
    ${children}
    <${Loaded} loading=${loading} what="the deals">
      ${({ deals, total }) =>
        total === 0
          ? html`<p class="activity-none" role="status">${none}</p>`
          : html`<p class="activity-total" role="status">
                <strong>${count(deals.length)} of ${counted(total, "deal")}</strong>${" "}
                <a href=${address("/deals", query)}>Show all on the Deals page</a>
              </p>
              <${Table} label=${title} deals=${deals} now=${now} question=${question} stages=${stages} />`}
    </${Loaded}>
  </section>`;
}

async function readFirst(query, signal) {
  return (await call("/api/hubspot/v2/deal-list", { query: { ...query, limit: SHOWN }, signal })).data;
}

function Table({ label, deals, now, question, stages }) {
  return html`<table class="activity-deals" aria-label=${label}>
    <thead>
      <tr>
        <th scope="col">Deal</th>
        <th scope="col" class="numeric activity-amount">Amount</th>
        <th scope="col" class="numeric">Last activity</th>
      </tr>
    </thead>
    <tbody>
      ${deals.map((deal) => html`<${Row} key=${deal.deal_id} deal=${deal} now=${now} question=${question} stages=${stages} />`)}
    </tbody>
  </table>`;
}

function Row({ deal, now, question, stages }) {
  const name = dealName(deal.deal_id, deal.deal_name);
  const worth = amount(deal.amount, deal.currency);
  const stage = deal.stage && wordFor({ stage_name: deal.stage, stage_id: deal.stage_id }, stages);
  const filter = (changes) => address("/activity", addressed({ ...question, ...changes }));
  return html`<tr>
    <th scope="row">
      <a class="activity-name" dir="auto" href=${address(`/deals/${encodeURIComponent(deal.deal_id)}`)} title=${name}>
        ${isNamed(deal.deal_name) ? name : html`<em>${name}</em>`}
      </a>
      <span class="activity-further">
        ${deal.amount !== null && html`<span class="activity-worth">${worth} · </span>`}
        ${stage && html`<a dir="auto" title="Activities of this stage" href=${filter({ stage: [stage] })}>${deal.stage}</a> · `}
        ${deal.owner && html`<a dir="auto" title="Activities of this owner" href=${filter({ owner: [deal.owner] })}>${deal.owner}</a>`}
      </span>
    </th>
    <td class="numeric activity-amount">${deal.amount === null ? html`<span class="muted">${NONE}</span>` : worth}</td>
    <td class="numeric">${last(deal.last_activity, now)}</td>
  </tr>`;
}

function last(text, now) {
  if (!text) return html`<span class="muted">never</span>`;
  return html`<time datetime=${text} title=${day(text)}>${ago(daysBetween(text, now))}</time>`;
}

function ago(days) {
  return days <= 0 ? "today" : `${counted(days, "day")} ago`;
}
