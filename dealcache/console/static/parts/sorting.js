/** Headings of a table that the server sorts. */

import { html } from "../vendor/preact.js";

/**
 * A column's heading. Exactly one column of a table has aria-sort.
 *
 * @param {string} by the column's name in the API; null for one that cannot be sorted by.
 * @param {string} sort the present order: a column's name, with "-" before it for descending.
 * @param {boolean} [descending] true if the first press sorts in descending order, as for amounts.
 * @param {(sort: string) => void} onSort takes the new order.
 * @param {string} [kind] further classes.
 */
export function Heading({ by, sort, descending = false, onSort, numeric = false, kind = "", children }) {
  const classes = `${kind}${numeric ? " numeric" : ""}`;
  if (!by) return html`<th scope="col" class=${classes}>${children}</th>`;
  const isCurrent = sort === by || sort === `-${by}`;
  const isDescending = sort === `-${by}`;
  const next = isCurrent ? (isDescending ? by : `-${by}`) : descending ? `-${by}` : by;
  return html`<th
    scope="col"
    class=${classes}
    aria-sort=${isCurrent ? (isDescending ? "descending" : "ascending") : null}
  >
    <button type="button" class="sort" onClick=${() => onSort(next)}>
      ${children}<span class="arrow" aria-hidden="true">${isCurrent ? (isDescending ? "▼" : "▲") : ""}</span>
    </button>
  </th>`;
}
