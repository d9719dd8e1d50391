/** The filters of the list. */

import { html } from "../vendor/preact.js";
import { OwnerField, SEVERAL, StageChoice, choiceOf } from "../parts/deal_fields.js";
import { Choice, Written } from "../parts/fields.js";
import { isSame, pipelinesOf } from "../parts/stages.js";

const OPEN = [
  { value: "", label: "Any" },
  { value: "true", label: "Open" },
  { value: "false", label: "Closed" },
];

const NEXT = [
  { value: "", label: "Any" },
  { value: "true", label: "Planned" },
  { value: "false", label: "None planned" },
];

const QUIET = "No activity within so many days; those planned for later do not count.";

/** The filters whose errors are shown beside their fields. */
export const SHOWN = new Set([
  ...["stage", "pipeline", "owner", "open", "idle_days", "has_next_activity", "min_amount", "max_amount"],
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
  return html`<div class="fields">
    <${StageChoice} words=${question.stage} stages=${stages} error=${errors.stage} ask=${ask} />
    <${PipelineChoice} words=${question.pipeline} stages=${stages} error=${errors.pipeline} ask=${ask} />
    <${OwnerField} words=${question.owner} owners=${owners} error=${errors.owner} ask=${ask} />
    <${Choice}
      name="open"
      label="Open or closed"
      options=${OPEN}
      value=${question.open}
      error=${errors.open}
      onChange=${(open) => ask({ open })}
    />
    <${Choice}
      name="has_next_activity"
      label="Next activity"
      options=${NEXT}
      value=${question.has_next_activity}
      error=${errors.has_next_activity}
      onChange=${(next) => ask({ has_next_activity: next })}
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
