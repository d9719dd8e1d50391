/** What of a deal is looked at, which stands in the address: types, search, days, order, and the event chosen. */

import { useCallback, useMemo } from "../vendor/preact.js";
import { go, route, useRoute } from "../app/router.js";
import { peopleLine } from "./people.js";

/** The changes after which all events are looked at. */
export const NO_FILTERS = { types: null, q: null, since: null, until: null };

const DAY = /^(19|2\d)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const texts = new WeakMap();

/**
 * Return what is looked at, and a function that changes it.
 *
 * @returns {[{types: Set<string>, q: string, since: string, until: string, oldestFirst: boolean, event: string|null},
 *   (changes: Object, how?: {replace?: boolean}) => void]} the changes are parameters of the address, null for none.
 */
export function useView() {
  const { query } = useRoute();
  const view = useMemo(() => viewOf(query), [query.toString()]);
  const change = useCallback((changes, how) => {
    const now = route();
    go(now.path, { ...Object.fromEntries(now.query), ...changes }, how);
  }, []);
  return [view, change];
}

function viewOf(query) {
  const dayOf = (name) => {
    const text = query.get(name) ?? "";
    return DAY.test(text) && !Number.isNaN(Date.parse(text)) ? text : "";
  };
  return {
    types: new Set((query.get("types") ?? "").split(",").filter(Boolean)),
    q: query.get("q") ?? "",
    since: dayOf("since"),
    until: dayOf("until"),
    oldestFirst: query.get("order") === "oldest",
    event: query.get("event"),
  };
}

/** Return the value of the parameter for types, with one put in or taken out. */
export function toggled(types, type) {
  const next = new Set(types);
  if (!next.delete(type)) next.add(type);
  return [...next].join(",") || null;
}

/**
 * Return which of a deal's events are shown where.
 *
 * @returns {{charted: Object[], counted: Object[], listed: Object[]}} those of the types and the search, which the
 *   chart cuts by itself; those of the search and the days; those of all three.
 */
export function chosen(events, { types, q, since, until }) {
  const words = folded(q).split(/\s+/).filter(Boolean);
  const isOfType = (event) => types.size === 0 || types.has(event.type);
  const isOfDays = (event) => (!since || event.date_str >= since) && (!until || event.date_str <= until);
  const found = words.length ? events.filter((event) => words.every((word) => text(event).includes(word))) : events;
  const counted = since || until ? found.filter(isOfDays) : found;
  return { charted: found.filter(isOfType), counted, listed: counted.filter(isOfType) };
}

function text(event) {
  if (!texts.has(event)) texts.set(event, folded(words(event)));
  return texts.get(event);
}

function words({ subject, content, owner, type, with: people }) {
  return [subject, content, owner, type, peopleLine(people)].join("\n");
}

/** Return a text as it is searched: case and accents do not count. */
function folded(value) {
  return value.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
