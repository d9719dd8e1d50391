/** The stages and pipelines that filters offer. */

import { call } from "../app/api.js";

/** Read all stages, pipeline by pipeline, in their order. */
export async function readStages(signal) {
  return (await call("/api/hubspot/v2/stages", { signal })).data;
}

/** Return true if a word of a filter means this label: case does not count, as in the API. */
export function isSame(word, label) {
  return plain(word) === plain(label);
}

/** Return a label as it is compared. */
export function plain(text) {
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
