/** Fields of filters that several pages have: the stage and the owner. */

import { html } from "../vendor/preact.js";
import { Choice, Written } from "./fields.js";
import { isSame, pipelinesOf, wordFor } from "./stages.js";

/** Stands for several values in a field to choose one from; no label has a line's end. */
export const SEVERAL = "\n";

/**
 * A field to choose a stage from.
 *
 * @param {string[]} words the present filter: labels or ids.
 * @param {Object[]} stages all stages; empty while they are not known.
 * @param {string} [error] what is wrong with it.
 * @param {(changes: {stage: string[]}) => void} ask takes another filter.
 */
export function StageChoice({ words, stages, error, ask }) {
  const options = (pipeline) =>
    stages
      .filter((one) => one.pipeline === pipeline)
      .map((one) => ({ value: wordFor(one, stages), label: one.stage_name }));
  const groups = pipelinesOf(stages).map((pipeline) => ({ label: pipeline, options: options(pipeline) }));
  const chosen = words.map((word) => {
    const stage = stages.find((one) => one.stage_id === word.trim() || isSame(one.stage_name, word));
    return stage ? wordFor(stage, stages) : word;
  });
  const known = groups.flatMap((group) => group.options);
  return html`<${Choice}
    name="stage"
    label="Stage"
    groups=${groups}
    ...${choiceOf(chosen, known, "stages")}
    error=${error}
    onChange=${(value) => value !== SEVERAL && ask({ stage: value ? [value] : [] })}
  />`;
}

/**
 * A field for names of owners, with ";" between them.
 *
 * @param {string[]} words the present filter: names or ids.
 * @param {string[]} owners names to suggest.
 * @param {string} [error] what is wrong with it.
 * @param {(changes: {owner: string[]}, how: Object) => void} ask takes another filter.
 */
export function OwnerField({ words, owners, error, ask }) {
  const namesIn = (text) => text.split(";").map((one) => one.trim()).filter(Boolean);
  return html`<${Written}
    name="owner"
    label="Owner"
    value=${words.join("; ")}
    suggestions=${owners}
    error=${error}
    onChange=${(value, how) => ask({ owner: namesIn(value) }, how)}
  />`;
}

/** Return the value and the first options of a field to choose from; a word that is none of the known is one more. */
export function choiceOf(chosen, known, nouns) {
  const options = [{ value: "", label: "Any" }];
  if (chosen.length > 1) options.push({ value: SEVERAL, label: `${chosen.length} ${nouns}` });
  if (chosen.length === 1 && !known.some((one) => one.value === chosen[0])) {
    options.push({ value: chosen[0], label: chosen[0] });
  }
  return { value: chosen.length > 1 ? SEVERAL : (chosen[0] ?? ""), options };
}
