/** The bars of the summary, and the filter that each of them is. */

import { call } from "../app/api.js";
import { count } from "../app/format.js";
import { amounts, compact } from "../app/money.js";
import { isSame, plain } from "../parts/stages.js";

/** Read how many deals each stage has, and the sum of their amounts. */
export async function readSummary(signal) {
  return (await call("/api/hubspot/v2/pipeline-summary", { signal })).data;
}

/**
 * Return the bars: one for each label, in the stages' order, also of stages without deals; then those that no pipeline has
 * any more. Stages of several pipelines with the same label are one bar, as they are one filter.
 *
 * @param {Object[]} summary what readSummary returned.
 * @param {Object[]} stages what readStages returned.
 * @returns {{key: string, label: string, value: number, text: string, tone: string}[]} as Bars wants them.
 */
export function barsOf(summary, stages) {
  const found = new Map();
  const at = (label) => {
    const key = plain(label);
    if (!found.has(key)) found.set(key, { key: label, label, value: 0, amount: 0, amounts: {}, tone: "" });
    return found.get(key);
  };
  for (const stage of stages) {
    const tone = stage.closed_won === "true" ? "deals-won" : stage.closed_lost ? "deals-lost" : "";
    Object.assign(at(stage.stage_name), { tone });
  }
  for (const line of summary) {
    if (!line.stage) continue; // deals without a stage, which no filter finds
    const bar = at(line.stage);
    bar.value += line.count;
    bar.amount += line.amount;
    for (const [currency, sum] of Object.entries(line.amounts ?? {})) {
      bar.amounts[currency] = (bar.amounts[currency] ?? 0) + sum;
    }
  }
  return [...found.values()].map((bar) => ({ ...bar, text: `${count(bar.value)} · ${sumOf(bar)}` }));
}

/** Return the sum of a bar's amounts, or one for each currency. */
function sumOf(bar) {
  const sums = amounts(bar.amounts, compact);
  return sums.length > 0 ? sums.join(" + ") : compact(bar.amount);
}

/** Return the words of a filter by stages that mean a bar: its label, or the id of a stage with that label. */
export function wordsFor(label, words, stages) {
  const ids = stages.filter((one) => isSame(one.stage_name, label)).map((one) => one.stage_id);
  return words.filter((word) => isSame(word, label) || ids.includes(word.trim()));
}
