/** What is different in a deal from before, in words. */

import { counted, day, isNamed } from "../app/format.js";
import { amount } from "../app/money.js";
import { propertyText } from "../parts/properties.js";

const FACTS = {
  dealName: ["name", (value) => isNamed(value) && value],
  dealStage: ["stage", (value) => value],
  pipeline: ["pipeline", (value) => value],
  dealOwner: ["owner", (value) => value],
  amount: ["amount", (value, after) => amount(value, after.currency)],
  currency: ["currency", (value) => value],
  closeDate: ["close date", day],
  createDate: ["create date", day],
};

/** Return sentences' parts on what is different in the facts, such as "stage changed to Closed Won". */
export function factChanges(before, after) {
  const changed = Object.entries(FACTS).filter(([field]) => before[field] !== after[field]);
  const facts = changed.map(([field, [name, shown]]) => `${name} changed to ${shown(after[field], after) || "none"}`);
  return [...facts, ...propertyChanges(before.properties ?? {}, after.properties ?? {})];
}

function propertyChanges(before, after) {
  const isOther = ([name, { value }]) => name in before && JSON.stringify(before[name].value) !== JSON.stringify(value);
  const inWords = (one) => (one.value === null ? "none" : propertyText(one));
  return Object.entries(after).filter(isOther).map(([, one]) => `${one.label} changed to ${inWords(one)}`);
}

/**
 * Return what is different between two timelines.
 *
 * @returns {{added: Set<string>, text: string|null}} the ids of the events that are new, and a sentence's part; null
 *   for no difference.
 */
export function timelineChanges(before, after) {
  const known = new Map(before.events.map((event) => [event.engagement_id, event]));
  const added = new Set();
  let altered = 0;
  for (const event of after.events) {
    const old = known.get(event.engagement_id);
    known.delete(event.engagement_id);
    if (old === undefined) added.add(event.id);
    else if (JSON.stringify(old) !== JSON.stringify(event)) altered += 1;
  }
  const parts = [
    added.size && counted(added.size, "new event"),
    altered && `${counted(altered, "event")} altered`,
    known.size && `${counted(known.size, "event")} removed`,
    JSON.stringify(before.with) !== JSON.stringify(after.with) && "people of the deal",
  ].filter(Boolean);
  return { added, text: parts.length ? `timeline changed (${parts.join(", ")})` : null };
}
