/** The numbers of a picture as a table. */

import { html } from "../vendor/preact.js";
import { count } from "../app/format.js";

/**
 * The table, closed at first.
 *
 * @param {string} title what it is of, such as "Activities by week".
 * @param {string} first the heading of the first column.
 * @param {{key: string, label: string, count: number, by_type: Object<string, number>}[]} rows its rows.
 * @param {string[]} types the further columns.
 */
export function Numbers({ title, first, rows, types }) {
  const sum = (of) => rows.reduce((total, row) => total + of(row), 0);
  return html`<details class="activity-numbers">
    <summary>Numbers as a table</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="${title} as a table">
      <table>
        <caption>${title}</caption>
        <thead>
          <tr>
            <th scope="col">${first}</th>
            <th scope="col" class="numeric">All</th>
            ${types.map((type) => html`<th scope="col" class="numeric" key=${type}>${type}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) => html`<tr key=${row.key}>
              <th scope="row" dir="auto">${row.label}</th>
              <td class="numeric">${count(row.count)}</td>
              ${types.map((type) => html`<td class="numeric" key=${type}>${count(row.by_type[type] ?? 0)}</td>`)}
            </tr>`,
          )}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">All</th>
            <td class="numeric">${count(sum((row) => row.count))}</td>
            ${types.map((type) => html`<td class="numeric" key=${type}>${count(sum((row) => row.by_type[type] ?? 0))}</td>`)}
          </tr>
        </tfoot>
      </table>
    </div>
  </details>`;
}
