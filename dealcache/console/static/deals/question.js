/** What the page asks: the address's query as filters, an order and a page, and back. */

import { go, useRoute } from "../app/router.js";

/** The orders that the API knows; ascending, or descending with "-" before it. */
const SORTS = ["name", "amount", "created", "closes", "activities", "last_activity", "updated"];

/** The order unless another one is asked for, as in the API. */
const USUAL_SORT = "-created";

/** Pages behind the present one that an address remembers; cursors only lead forward. */
const MOST_CURSORS = 12;

/** Filters of which several values may be given, and those of one value. The names are the API's. */
const MANY = ["stage", "pipeline", "owner"];
const ONE = [
  "q",
  "open",
  "min_amount",
  "max_amount",
  "created_since",
  "created_until",
  "closes_since",
  "closes_until",
  "idle_days",
  "has_next_activity",
];

/** All filters, the search among them. */
export const FILTERS = [...ONE, ...MANY];

/** No filter at all. */
export const NOTHING = Object.fromEntries([...ONE.map((name) => [name, ""]), ...MANY.map((name) => [name, []])]);

/**
 * Return what an address asks for.
 *
 * @param {URLSearchParams} query the address's.
 * @returns {Object} the filters by name, `sort`, `page` (from 1), and `cursors`: the last ones that led here.
 */
export function questionOf(query) {
  const sort = query.get("sort") ?? "";
  const cursors = query.getAll("cursor").filter(Boolean);
  return {
    ...Object.fromEntries(ONE.map((name) => [name, query.get(name) ?? ""])),
    ...Object.fromEntries(MANY.map((name) => [name, query.getAll(name).filter(Boolean)])),
    sort: SORTS.includes(sort.replace(/^-/, "")) ? sort : USUAL_SORT,
    cursors,
    page: cursors.length === 0 ? 1 : Math.max(cursors.length + 1, Math.trunc(Number(query.get("page"))) || 0),
  };
}

/** Return the parameters of the API for a question; `isPage` false: for all that matches, as exports want. */
export function parametersOf(question, { isPage = true } = {}) {
  const filters = Object.fromEntries(FILTERS.map((name) => [name, question[name]]));
  return { ...filters, sort: question.sort, cursor: isPage ? question.cursors.at(-1) : null };
}

/** Return true if a filter is set, the search among them. */
export function isFiltered(question) {
  return FILTERS.some((name) => question[name].length > 0);
}

/**
 * The present question, and how to ask another one.
 *
 * @returns {{question: Object, ask: (changes: Object, how?: {replace?: boolean}) => void, turn: (cursor: string|null) =>
 *   void}} `ask` changes filters or the order and begins at the first page; `turn` goes to the next page by its cursor, or
 *   to the one before.
 */
export function useQuestion() {
  const question = questionOf(useRoute().query);
  const ask = (changes, how) => {
    // What the address says now, which may be newer than what was drawn last.
    const present = questionOf(new URLSearchParams(location.search));
    go("/deals", addressed({ ...present, ...changes, cursors: [], page: 1 }), how);
  };
  const turn = (cursor) => {
    const cursors = cursor === null ? question.cursors.slice(0, -1) : [...question.cursors, cursor];
    go("/deals", addressed({ ...question, cursors, page: question.page + (cursor === null ? -1 : 1) }));
  };
  return { question, ask, turn };
}

function addressed({ sort, cursors, page, ...filters }) {
  return {
    ...filters,
    sort: sort === USUAL_SORT ? "" : sort,
    page: cursors.length > 0 ? page : "",
    cursor: cursors.slice(-MOST_CURSORS),
  };
}
