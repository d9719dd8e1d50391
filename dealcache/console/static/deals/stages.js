/** The stages and pipelines that filters offer, and the bars of the summary. */

import { call } from "../app/api.js";
import { compact, count } from "../app/format.js";

const V2 = "/api/hubspot/v2";

/** Read all stages, pipeline by pipeline, in their order. */
export async function readStages(signal) {
  return (await call(`${V2}/stages`, { signal })).data;
}

/** Read how many deals each stage has, and the sum of their amounts. */
export async function readSummary(signal) {
  return (await call(`${V2}/pipeline-summary`, { signal })).data;
}

/** Return true if a word of a filter means this label: case does not count, as in the API. */
export function isSame(word, label) {
  return plain(word) === plain(label);
}

function plain(text) {
  return text.normalize("NFC").trim().toLowerCase();
}

/** Return the pipelines' labels. */
export function pipelinesOf(stages) {
  return [...new Set(stages.map((one) => one.pipeline))];
}

/** Return what to ask for to get the deals of one stage: its label, or its id where several stages have that label. */
export function wordFor(stage, stages) {
  return stages.filter((one) => isSame(one.stage_name, stage.stage_name)).length > 1 ? stage.stage_id : stage.stage_name;
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
    if (!found.has(key)) found.set(key, { key: label, label, value: 0, amount: 0, tone: "" });
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
  }
  return [...found.values()].map((bar) => ({ ...bar, text: `${count(bar.value)} · ${compact(bar.amount)}` }));
}

/** Return the words of a filter by stages that mean a bar: its label, or the id of a stage with that label. */
export function wordsFor(label, words, stages) {
  const ids = stages.filter((one) => isSame(one.stage_name, label)).map((one) => one.stage_id);
  return words.filter((word) => isSame(word, label) || ids.includes(word.trim()));
}
