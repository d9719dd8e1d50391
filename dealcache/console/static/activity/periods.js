/** Activities over time: how many, by which types, and the picture with its table. */

import { html } from "../vendor/preact.js";
import { count, counted, day } from "../app/format.js";
import { Bars } from "../parts/bars.js";
import { Empty } from "../parts/states.js";
import { tone } from "../parts/types.js";
import { Chart } from "./chart.js";
import { columnsOf, ofTypes, totalOf } from "./columns.js";
import { Numbers } from "./numbers.js";

/**
 * The picture with what belongs to it.
 *
 * @param {Object} summary the API's answer by week or month.
 * @param {string[]} types all types in it, in their order.
 * @param {string} now the present day.
 * @param {{by: string, type: string[]}} question `type`: those shown; none for all.
 * @param {(changes: Object) => void} ask changes what is shown.
 */
export function Periods({ summary, types, now, question, ask }) {
  const { by, type: chosen } = question;
  if (summary.total === 0) {
    return html`<${Empty} title="No activities in this time.">
      <button type="button" onClick=${() => ask({ period: "year", since: "", until: "" })}>Show a year</button>
    </${Empty}>`;
  }
  const shown = chosen.length ? types.filter((type) => chosen.includes(type)) : types;
  const columns = ofTypes(columnsOf(summary, now), shown);
  const total = totalOf(ofTypes(summary.rows, shown));
  const toggle = (type) =>
    ask({ type: chosen.includes(type) ? chosen.filter((one) => one !== type) : [...chosen, type] });
  const [first, last] = [summary.since ?? columns[0].start, summary.until];
  return html`
    <p class="activity-total" role="status">
      <strong>${counted(total, "activity", "activities")}</strong>
      <span>
        ${chosen.length > 0 && `of ${count(summary.total)}, `}${last ? `${day(first)} to ${day(last)}` : `since ${day(first)}`}
      </span>
    </p>
    ${totalOf(columns) < total && html`<p class="muted">The last ${counted(columns.length, by)} are drawn.</p>`}
    <${Chart} columns=${columns} types=${shown} label=${labelOf(total, columns, by)} />
    <div class="activity-types">
      <${Bars} rows=${barsOf(summary.rows, types)} chosen=${new Set(chosen)} onToggle=${toggle} label="Filter by type" />
    </div>
    <${Numbers}
      title="Activities by ${by}"
      first=${by === "week" ? "Week" : "Month"}
      rows=${columns.map((column) => ({ ...column, key: column.start }))}
      types=${shown}
    />
  `;
}

function barsOf(rows, types) {
  return types.map((type) => {
    const value = rows.reduce((sum, row) => sum + (row.by_type[type] ?? 0), 0);
    return { key: type, label: type, value, text: count(value), tone: tone(type) };
  });
}

function labelOf(total, columns, by) {
  const span = `in ${counted(columns.length, by)}, by type`;
  return `${counted(total, "activity", "activities")} ${span}. The table below has the numbers.`;
}
