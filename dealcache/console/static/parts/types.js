/** The types of events: their order, and the class that gives each its colour; a label is always beside it. */

import { styled } from "../app/styles.js";

await styled("parts/types.css");

const TYPES = [
  "Meeting",
  "Call",
  "Incoming Email",
  "Outgoing Email",
  "Forwarded Email",
  "Note",
  "Task",
  "SMS",
  "WhatsApp",
  "LinkedIn Message",
  "Postal Mail",
];

const PLACES = new Map(TYPES.map((type, place) => [type, place]));

/** Return the class that gives a type its colour, as --tone. */
export function tone(type) {
  return PLACES.has(type) ? `type-${type.toLowerCase().replaceAll(" ", "-")}` : "type-other";
}

/** Return the types of some events, in the order in which they are always shown. */
export function typesOf(events) {
  return inOrder(events.map((event) => event.type));
}

/** Return types, each once, in the order in which they are always shown; unknown ones come last. */
export function inOrder(types) {
  const place = (type) => PLACES.get(type) ?? TYPES.length;
  return [...new Set(types)].sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}
