/** What the list has found: how many deals, page by page, or why there is none. */

import { html, useEffect, useMemo, useRef } from "../vendor/preact.js";
import { counted } from "../app/format.js";
import { amount, amounts } from "../app/money.js";
import { NoDeals } from "../parts/no_deals.js";
import { Empty } from "../parts/states.js";
import { Export } from "./export.js";
import { ownColumns, sortableColumns } from "./own.js";
import { isFiltered } from "./question.js";
import { COLUMNS, Table } from "./table.js";

const PER_PAGE = 50;

/**
 * A page of deals with the line above it.
 *
 * @param {{deals: Object[], total: number, total_amount: number, total_amounts?: Object, next_cursor?: string}} page what is
 *   shown.
 * @param {Object} question the present one; {ask, turn} of useQuestion and `clear`, which takes all filters off.
 * @param {Object[]} properties the own properties that there are.
 * @param {boolean} isCurrent false while the page is still that of another question.
 * @param {boolean} waits true if newer data wait; `show` shows them.
 */
export function Results({ page, question, properties, isCurrent, ask, turn, clear, waits, show }) {
  const top = useRef();
  useTop(top, page.key);
  const own = useMemo(() => ownColumns(properties, question), [properties, question.sort, question.columns.join(" ")]);
  if (page.total === 0 && !isFiltered(question)) return html`<${NoDeals} />`;
  const onSort = (sort) => ask({ sort });
  return html`<div class="deals-results" ref=${top}>
    <div class="deals-line">
      <p class="deals-total" role="status">
        <strong>${counted(page.total, "deal")}</strong>, <${Total} page=${page} />
      </p>
      <${Order} columns=${[...COLUMNS, ...sortableColumns(properties)]} sort=${question.sort} onSort=${onSort} />
      <${Export} question=${question} />
      <${Pages} page=${page} question=${question} turn=${isCurrent ? turn : () => {}} />
    </div>
    ${waits &&
    html`<p class="deals-newer" role="status">
      The list has changed. <button type="button" onClick=${show}>Show the new list</button>
    </p>`}
    ${page.total === 0
      ? html`<${Empty} title="No deal matches.">
          <button type="button" onClick=${clear}>Show all deals</button>
        </${Empty}>`
      : html`<${Table} deals=${page.deals} own=${own} sort=${question.sort} onSort=${onSort} />`}
  </div>`;
}

/** The sum of the amounts, or one for each currency. */
function Total({ page }) {
  if (!page.total_amounts) {
    // Without sums by currency all deals are in the same one.
    const currency = page.deals.find((deal) => deal.currency)?.currency;
    return html`total amount <strong>${amount(page.total_amount, currency)}</strong>`;
  }
  const sums = amounts(page.total_amounts);
  return html`total amounts ${sums.map((sum, place) => html`${place > 0 && ", "}<strong class="deals-sum">${sum}</strong>`)}`;
}

/** The order, for screens that are too narrow for all columns. */
function Order({ columns, sort, onSort }) {
  const options = columns.filter((column) => column.by).flatMap(({ title, by, orders }) => [
    html`<option value=${by} selected=${sort === by}>${title}, ${orders[0]}</option>`,
    html`<option value="-${by}" selected=${sort === `-${by}`}>${title}, ${orders[1]}</option>`,
  ]);
  return html`<label class="deals-order">
    <span>Order</span> <select value=${sort} onChange=${(event) => onSort(event.target.value)}>${options}</select>
  </label>`;
}

function Pages({ page, question, turn }) {
  const nav = useRef();
  const number = question.page;
  const last = Math.max(number, Math.ceil(page.total / PER_PAGE));
  // A button that has just been switched off gives the focus to the other one.
  useEffect(() => {
    const [previous, next] = nav.current?.querySelectorAll("button") ?? [];
    if (document.activeElement === previous && previous?.disabled) next.focus();
    if (document.activeElement === next && next?.disabled) previous.focus();
  });
  if (number === 1 && !page.next_cursor) return html``;
  return html`<nav class="deals-pages" aria-label="Pages of the list" ref=${nav}>
    <span>Page ${number} of ${last}</span>
    <button type="button" disabled=${question.cursors.length === 0} onClick=${() => turn(null)}>Previous</button>
    <button type="button" disabled=${!page.next_cursor} onClick=${() => turn(page.next_cursor)}>Next</button>
  </nav>`;
}

/** Show the beginning of the list when another page of it is there, if the reader has scrolled past it. */
function useTop(element, key) {
  const before = useRef(key);
  useEffect(() => {
    if (before.current === key) return;
    before.current = key;
    if (element.current?.getBoundingClientRect().top < 0) element.current.scrollIntoView();
  }, [key]);
}
