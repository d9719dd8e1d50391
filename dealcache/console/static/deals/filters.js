/** The filters of the list. */

import { html } from "../vendor/preact.js";
import { Choice, Written } from "./fields.js";
import { isSame, pipelinesOf, wordFor } from "./stages.js";

/** Stands for several values in a field to choose one from; no label has a line's end. */
const SEVERAL = "\n";

const OPEN = [
  { value: "", label: "Any" },
  { value: "true", label: "Open" },
  { value: "false", label: "Closed" },
];

const QUIET = "No activity within so many days; those planned for later do not count.";

/** The filters whose errors are shown beside their fields. */
export const SHOWN = new Set([
  ...["stage", "pipeline", "owner", "open", "idle_days", "min_amount", "max_amount"],
  ...["created_since", "created_until", "closes_since", "closes_until", "q"],
]);

/**
 * The fields.
 *
 * @param {Object} question the present one.
 * @param {Object[]} stages all stages; empty while they are not known.
 * @param {string[]} owners names to suggest.
 * @param {Object<string, string>} errors what is wrong, by the field.
 * @param {(changes: Object, how?: Object) => void} ask asks another question.
 */
export function Filters({ question, stages, owners, errors, ask }) {
  const written = (name, label, more) => html`<${Written}
    name=${name}
    label=${label}
    value=${question[name]}
    error=${errors[name]}
    onChange=${(value, how) => ask({ [name]: value }, how)}
    ...${more}
  />`;
  return html`<div class="deals-filters">
    <${StageChoice} words=${question.stage} stages=${stages} error=${errors.stage} ask=${ask} />
    <${PipelineChoice} words=${question.pipeline} stages=${stages} error=${errors.pipeline} ask=${ask} />
    <${Written}
      name="owner"
      label="Owner"
      value=${question.owner.join("; ")}
      suggestions=${owners}
      error=${errors.owner}
      onChange=${(value, how) => ask({ owner: namesIn(value) }, how)}
    />
    <${Choice}
      name="open"
      label="Open or closed"
      options=${OPEN}
      value=${question.open}
      error=${errors.open}
      onChange=${(open) => ask({ open })}
    />
    ${written("idle_days", "Quiet for days", { type: "number", min: 0, step: 1, hint: QUIET })}
    ${written("min_amount", "Min amount", { type: "number", step: "any" })}
    ${written("max_amount", "Max amount", { type: "number", step: "any" })}
    ${written("created_since", "Created since", { type: "date" })}
    ${written("created_until", "Created until", { type: "date" })}
    ${written("closes_since", "Closes since", { type: "date" })}
    ${written("closes_until", "Closes until", { type: "date" })}
  </div>`;
}

function StageChoice({ words, stages, error, ask }) {
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

function PipelineChoice({ words, stages, error, ask }) {
  const known = pipelinesOf(stages).map((label) => ({ value: label, label }));
  const chosen = words.map((word) => known.find((one) => isSame(one.value, word))?.value ?? word);
  const { value, options } = choiceOf(chosen, known, "pipelines");
  return html`<${Choice}
    name="pipeline"
    label="Pipeline"
    value=${value}
    options=${[...options, ...known]}
    error=${error}
    onChange=${(next) => next !== SEVERAL && ask({ pipeline: next ? [next] : [] })}
  />`;
}

/** Return the value and the first options of a field to choose from; a word that is none of the known is one more. */
function choiceOf(chosen, known, nouns) {
  const options = [{ value: "", label: "Any" }];
  if (chosen.length > 1) options.push({ value: SEVERAL, label: `${chosen.length} ${nouns}` });
  if (chosen.length === 1 && !known.some((one) => one.value === chosen[0])) {
    options.push({ value: chosen[0], label: chosen[0] });
  }
  return { value: chosen.length > 1 ? SEVERAL : (chosen[0] ?? ""), options };
}

function namesIn(text) {
  return text.split(";").map((one) => one.trim()).filter(Boolean);
}
