/** What the page asks: the address's query as filters, and back. */

import { go, useRoute } from "../app/router.js";
import { dayBefore, startOf } from "./days.js";

/** The lengths of time that buttons offer, in days up to today. */
export const PERIODS = { "4weeks": 28, quarter: 91, year: 364 };

/** Days without an activity after which a deal may count as quiet. */
export const QUIET = [7, 14, 30, 60, 90, 180];

const MOST_QUIET = 36_500;

const USUAL = { by: "week", period: "quarter", quiet: 30 };

/** No filter at all: what is left is how the numbers are shown. */
export const NOTHING = { since: "", until: "", stage: [], owner: [], type: [] };

/**
 * Return what an address asks for.
 *
 * @param {URLSearchParams} query the address's.
 * @returns {Object} `by` and `period`, `quiet` in days; the days `since` and `until`, which take the place of the period;
 *   and lists of words: `stage`, `owner`, `type`.
 */
export function questionOf(query) {
  const [period, quiet] = [query.get("period"), Number(query.get("quiet") || Number.NaN)];
  return {
    by: query.get("by") === "month" ? "month" : USUAL.by,
    period: Object.hasOwn(PERIODS, period) ? period : USUAL.period,
    quiet: Number.isInteger(quiet) && quiet >= 0 && quiet <= MOST_QUIET ? quiet : USUAL.quiet,
    ...Object.fromEntries(["since", "until"].map((name) => [name, query.get(name) ?? ""])),
    ...Object.fromEntries(["stage", "owner", "type"].map((name) => [name, query.getAll(name).filter(Boolean)])),
  };
}

/** Return true if fewer activities than all of the period are wanted. */
export function isFiltered(question) {
  return Object.keys(NOTHING).some((name) => question[name].length > 0);
}

/**
 * Return the first and the last day: those asked for, or whole weeks or months up to today.
 *
 * @returns {{since: string, until: string}} "YYYY-MM-DD"; empty for an open end.
 */
export function daysOf({ since, until, period, by }, today) {
  if (since || until) return { since, until };
  return { since: startOf(dayBefore(today, PERIODS[period] - 1), by), until: today };
}

/** Return the parameters of the page's address for a question. */
export function addressed(question) {
  const changed = Object.entries(question).filter(([name, value]) => value !== USUAL[name]);
  return Object.fromEntries(changed);
}

/** The present question, and `ask`, which changes some of it: every change is an entry of the history. */
export function useQuestion() {
  const question = questionOf(useRoute().query);
  const ask = (changes, how) => {
    // What the address says now, which may be newer than what was drawn last.
    go("/activity", addressed({ ...questionOf(new URLSearchParams(location.search)), ...changes }), how);
  };
  return { question, ask };
}
