/** Own properties of deals: which there are, and their values in words. */

import { call } from "../app/api.js";
import { NONE, day, number, when } from "../app/format.js";

/** How the API's parameters and orders by own properties begin. */
export const OWN = "property.";

/** Read which own properties there are; none unless the service is configured to show some. */
export async function readProperties(signal) {
  return (await call("/api/hubspot/v2/deal-properties", { signal })).data;
}

/** Return a property of a deal in words, options by their labels. */
export function propertyText({ type, value, value_label: label = null }) {
  const shown = label ?? value;
  if (shown === null) return NONE;
  if (Array.isArray(shown)) return shown.join("; ");
  if (typeof shown === "boolean") return shown ? "Yes" : "No";
  if (typeof shown === "number") return number(shown);
  // What does not fit its type comes as the text that HubSpot has.
  if (type === "datetime" && !Number.isNaN(Date.parse(shown))) return when(shown);
  return type === "date" ? day(shown) : shown;
}
