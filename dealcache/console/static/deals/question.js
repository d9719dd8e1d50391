/** What the page asks: the address's query as filters, an order and a page, and back. */

import { go, useRoute } from "../app/router.js";
import { OWN } from "../parts/properties.js";

/** The orders that the API knows; ascending, or descending with "-" before it. */
const SORTS = ["name", "amount", "created", "closes", "activities", "last_activity", "updated"];

/** The order unless another one is asked for, as in the API. */
export const USUAL_SORT = "-created";

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

/** All filters but those by own properties, the search among them. */
const FILTERS = [...ONE, ...MANY];

/** No filter at all, but for own properties. */
const NOTHING = Object.fromEntries([...ONE.map((name) => [name, ""]), ...MANY.map((name) => [name, []])]);

/**
 * Return what an address asks for.
 *
 * @param {URLSearchParams} query the address's.
 * @returns {Object} the filters by name, those by own properties as the API calls them; `sort`, `page` (from 1), and
 *   `cursors`: the last ones that led here; `columns`: the own properties that are shown in columns.
 */
export function questionOf(query) {
  const sort = query.get("sort") ?? "";
  const by = sort.replace(/^-/, "");
  const cursors = query.getAll("cursor").filter(Boolean);
  const own = [...query.keys()].filter((name) => name.startsWith(OWN));
  return {
    ...Object.fromEntries(ONE.map((name) => [name, query.get(name) ?? ""])),
    ...Object.fromEntries(MANY.map((name) => [name, query.getAll(name).filter(Boolean)])),
    ...Object.fromEntries(own.map((name) => [name, query.getAll(name).filter(Boolean)])),
    columns: query.getAll("column").filter(Boolean),
    sort: SORTS.includes(by) || by.startsWith(OWN) ? sort : USUAL_SORT,
    cursors,
    page: cursors.length === 0 ? 1 : Math.max(cursors.length + 1, Math.trunc(Number(query.get("page"))) || 0),
  };
}

/** Return the parameters of the API for a question; `isPage` false: for all that matches, as exports want. */
export function parametersOf(question, { isPage = true } = {}) {
  const filters = Object.fromEntries(filtersOf(question).map((name) => [name, question[name]]));
  return { ...filters, sort: question.sort, cursor: isPage ? question.cursors.at(-1) : null };
}

/** Return true if a filter is set, the search among them. */
export function isFiltered(question) {
  return filtersOf(question).some((name) => question[name].length > 0);
}

/** Return the changes that take all filters off a question. */
export function withoutFilters(question) {
  return { ...NOTHING, ...Object.fromEntries(ownFiltersOf(question).map((name) => [name, []])) };
}

function filtersOf(question) {
  return [...FILTERS, ...ownFiltersOf(question)];
}

function ownFiltersOf(question) {
  return Object.keys(question).filter((name) => name.startsWith(OWN));
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

function addressed({ sort, cursors, page, columns, ...filters }) {
  return {
    ...filters,
    column: columns,
    sort: sort === USUAL_SORT ? "" : sort,
    page: cursors.length > 0 ? page : "",
    cursor: cursors.slice(-MOST_CURSORS),
  };
}
