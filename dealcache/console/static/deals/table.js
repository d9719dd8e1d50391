/** The table of deals. */

import { html, useMemo } from "../vendor/preact.js";
import { NONE, count, day, dealName, isNamed } from "../app/format.js";
import { days } from "../app/measures.js";
import { amount } from "../app/money.js";
import { address } from "../app/router.js";
import { Moment } from "../parts/moment.js";
import { Heading } from "../parts/sorting.js";

/** What the API calls an owner of whom nothing is known. */
const UNKNOWN = "Unknown Owner";

/**
 * The columns: `by` as the API sorts; `orders` says in words what ascending and descending mean; `isThere` tells from a
 * deal whether the service has the column at all.
 */
export const COLUMNS = [
  { name: "name", title: "Name", by: "name", orders: ["A to Z", "Z to A"], cell: Name },
  { name: "stage", title: "Stage", cell: Stage },
  { name: "pipeline", title: "Pipeline", cell: ({ deal }) => label(deal.pipeline) },
  { name: "owner", title: "Owner", cell: ({ deal }) => label(deal.owner, deal.owner === UNKNOWN) },
  {
    ...{ name: "amount", title: "Amount", by: "amount", orders: ["smallest first", "largest first"] },
    ...{ numeric: true, cell: ({ deal }) => value(deal.amount, amount(deal.amount, deal.currency)) },
  },
  {
    ...{ name: "days_in_stage", title: "Days in stage", isThere: (deal) => deal.days_in_stage !== undefined },
    ...{ numeric: true, cell: ({ deal }) => value(deal.days_in_stage, days(deal.days_in_stage)) },
  },
  dates("created", "Created", "create_date"),
  dates("closes", "Closes", "close_date"),
  {
    ...{ name: "activities", title: "Activities", by: "activities", orders: ["fewest first", "most first"] },
    ...{ numeric: true, cell: ({ deal }) => value(deal.activities, count(deal.activities)) },
  },
  dates("last_activity", "Last activity", "last_activity"),
  { ...dates("next_activity", "Next activity", "next_activity"), by: null },
  { ...dates("updated", "Updated", ""), cell: ({ deal }) => html`<${Moment} at=${deal.updated_at} isRelative />` },
];

function dates(name, title, field) {
  const cell = ({ deal }) => value(deal[field], html`<time datetime=${deal[field]}>${day(deal[field])}</time>`);
  return { name, title, by: name, orders: ["oldest first", "newest first"], date: true, cell };
}

/** Return the columns for some deals: those of own properties stand behind what a deal is worth. */
function columnsOf(deals, own) {
  const usual = COLUMNS.filter(({ isThere }) => !isThere || deals.some(isThere));
  const place = usual.findIndex(({ name }) => name === "amount") + 1;
  return [...usual.slice(0, place), ...own, ...usual.slice(place)];
}

/**
 * The table.
 *
 * @param {Object[]} deals the rows, as the API has them.
 * @param {Object[]} own the columns of own properties.
 * @param {string} sort the present order.
 * @param {(sort: string) => void} onSort takes another one.
 */
export function Table({ deals, own, sort, onSort }) {
  const sorted = sort.replace("-", "");
  const columns = useMemo(() => columnsOf(deals, own), [deals, own]);
  const rows = useMemo(
    () => deals.map((deal) => html`<${Row} ...${{ deal, own, columns, sorted }} key=${deal.deal_id} />`),
    [deals, own, columns, sorted],
  );
  return html`<div class="scroll deals-scroll" tabindex="0" role="region" aria-label="List of deals">
    <table class="deals-table" aria-label="Deals">
      <thead>
        <tr>
          ${columns.map(
            (column) => html`<${Heading}
              key=${column.key ?? column.name}
              by=${column.by}
              sort=${sort}
              descending=${column.numeric || column.date}
              numeric=${column.numeric}
              kind=${kindOf(column, sorted)}
              onSort=${onSort}
              >${column.title}</${Heading}
            >`,
          )}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function Row({ deal, own, columns, sorted }) {
  const [name, ...others] = columns;
  return html`<tr>
    <th scope="row" class=${kindOf(name, sorted)}><${Name} deal=${deal} own=${own} /></th>
    ${others.map((column) => html`<td key=${column.key ?? column.name} class=${kindOf(column, sorted)}>${column.cell({ deal })}</td>`)}
  </tr>`;
}

function Name({ deal, own = [] }) {
  const name = dealName(deal.deal_id, deal.deal_name);
  // What narrow screens have no columns for.
  const facts = [deal.amount === null ? "" : amount(deal.amount, deal.currency), deal.stage, deal.owner];
  const further = [...facts, ...own.map((column) => `${column.title}: ${column.text(deal)}`)].filter(Boolean).join(" · ");
  return html`
    <a class="deals-name" dir="auto" href=${address(`/deals/${encodeURIComponent(deal.deal_id)}`)} title=${name}>
      ${isNamed(deal.deal_name) ? name : html`<em>${name}</em>`}
    </a>
    <span class="deals-further muted" dir="auto">${further}</span>
  `;
}

/** The stage, with the pipeline below where that has no column of its own. */
function Stage({ deal }) {
  return html`${label(deal.stage)}${deal.pipeline && html`<span class="deals-beside">${label(deal.pipeline, true)}</span>`}`;
}

function label(text, isUnknown = false) {
  if (!text) return value(null);
  return html`<span class="deals-short ${isUnknown ? "muted" : ""}" dir="auto" title=${text}>${text}</span>`;
}

function value(present, shown) {
  return present === null || present === undefined ? html`<span class="muted">${NONE}</span>` : shown;
}

function kindOf({ name, by, numeric, date }, sorted) {
  return `column-${name}${numeric ? " numeric" : ""}${date ? " column-date" : ""}${by && by === sorted ? " column-sorted" : ""}`;
}

/** Move the focus to the next row's link, or by -1 to the one before; to the first one from elsewhere. */
export function moveRow(step) {
  const links = [...document.querySelectorAll(".deals-table .deals-name")];
  const present = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  links[present < 0 ? 0 : Math.min(links.length - 1, Math.max(0, present + step))]?.focus();
}
