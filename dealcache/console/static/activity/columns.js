/** The weeks or months of the chart and its table: also those without activities, of which the API says nothing. */

import { counted, day } from "../app/format.js";
import { following, startOf } from "./days.js";

/** The most weeks or months that are drawn; of more, the last ones. */
const MOST = 520;

const months = new Intl.DateTimeFormat(navigator.languages, { month: "short", year: "numeric", timeZone: "UTC" });
const shortDays = new Intl.DateTimeFormat(navigator.languages, { day: "numeric", month: "short", timeZone: "UTC" });

/**
 * Return the weeks or months of an answer, oldest first.
 *
 * @param {{by: string, since: string|null, until: string|null, rows: Object[]}} summary the API's answer.
 * @param {string} now the present day.
 * @returns {{start: string, label: string, short: string, by_type: Object<string, number>, note: string}[]} `note` says
 *   that a week or month is not over or lies ahead; "" for those that are over.
 */
export function columnsOf({ by, since, until, rows }, now) {
  const found = new Map(rows.map((row) => [row.start, row.by_type]));
  const [first, last] = [since ?? rows[0]?.start, until ?? rows.at(-1)?.start];
  if (!first || !last) return [];
  const starts = [startOf(first, by)];
  for (;;) {
    const next = following(starts.at(-1), by);
    if (next > last || next < starts.at(-1)) break; // years of five digits come first in the order of texts
    starts.push(next);
  }
  const present = startOf(now, by);
  return starts.slice(-MOST).map((start) => ({
    ...{ start, ...labelsOf(start, by) },
    ...{ by_type: found.get(start) ?? {}, note: noteOf(start, present) },
  }));
}

function noteOf(start, present) {
  return start < present ? "" : start === present ? " (so far)" : " (planned)";
}

function labelsOf(start, by) {
  const date = new Date(`${start}T00:00:00Z`);
  if (by === "month") return { label: months.format(date), short: months.format(date) };
  return { label: `Week of ${day(start)}`, short: shortDays.format(date) };
}

/** Return rows with `by_type` of some types alone, and `count` of these. */
export function ofTypes(rows, types) {
  return rows.map((row) => ({ ...row, count: types.reduce((sum, type) => sum + (row.by_type[type] ?? 0), 0) }));
}

/** Return how many activities some rows have together. */
export function totalOf(rows) {
  return rows.reduce((sum, row) => sum + row.count, 0);
}

/** Return a row in words: "34 activities: 12 Call, 22 Note". */
export function inWords(row, types) {
  const each = types.filter((type) => row.by_type[type]).map((type) => `${row.by_type[type]} ${type}`);
  return counted(row.count, "activity", "activities") + (each.length ? `: ${each.join(", ")}` : "");
}
