/** Whether all is well, and if not, what to do: decided from the status alone. Pure. */

import { counted } from "../app/format.js";
import { isPending, ofData, ofHubspot, ofSyncs, ofTiers, ofWebhooks, ofWorkers } from "./findings.js";

/**
 * Decide whether all is well.
 *
 * @param {Object} status what the service answered.
 * @param {Object} known
 * @param {number|null} known.age seconds that the data is old by now.
 * @param {boolean} [known.isCurrent] false if the service did not answer the last time it was asked.
 * @returns {{level: string, title: string, findings: Object[], notes: Object[]}} `level` is "good", "warn", "bad", or
 *   "unknown" if nothing is known to be wrong but not everything is known; `findings` are what is not well, the worst
 *   first, `notes` what is good to know. Each has `level`, `text`, `next` (what to do) and perhaps `page`.
 */
export function verdict(status, { age, isCurrent = true }) {
  const parts = [ofTiers, ofData, ofSyncs, ofWebhooks, ofHubspot, ofWorkers];
  const all = parts.flatMap((part) => part(status, age));
  const findings = [...all.filter((one) => one.level === "bad"), ...all.filter((one) => one.level === "warn")];
  const notes = all.filter((one) => one.level === "note");
  if (!isCurrent) return { level: "unknown", title: "It is not known whether all is well.", findings, notes };
  if (findings.length > 0) {
    const title = `${counted(findings.length, "thing is", "things are")} not well.`;
    return { level: findings[0].level, title, findings, notes };
  }
  if (isPending(status)) return { level: "unknown", title: "Nothing is known to be wrong.", findings, notes };
  return { level: "good", title: "All is well.", findings, notes };
}
