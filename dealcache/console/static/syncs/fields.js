/** The fields of the form that starts a sync, each with what the API says is wrong with it. */

import { html } from "../vendor/preact.js";
import { call } from "../app/api.js";
import { useLoad } from "../app/load.js";

const STAGES = "/api/hubspot/v2/stages";

/** A field: a label, what is entered, and what is wrong with it. */
function Field({ id, label, error, children }) {
  return html`<div class="syncs-field">
    <label for=${id}>${label}</label>
    ${children({ id, "aria-invalid": error ? "true" : null, "aria-describedby": error ? `${id}-error` : null })}
    ${error && html`<p id="${id}-error" class="bad" role="alert">${error}</p>`}
  </div>`;
}

/** A deal by its name or id. */
export function DealField({ value, error, onInput }) {
  return html`<${Field} id="deal" label="Name or id of the deal" error=${error}>
    ${(more) => html`<input type="text" dir="auto" autocomplete="off" value=${value} onInput=${(event) => onInput(event.target.value)} ...${more} />`}
  </${Field}>`;
}

/** A day. */
export function DateField({ id, label, value, error, onInput }) {
  return html`<${Field} id=${id} label=${label} error=${error}>
    ${(more) => html`<input type="date" value=${value} onInput=${(event) => onInput(event.target.value)} ...${more} />`}
  </${Field}>`;
}

/** A stage of those that HubSpot has; `all` is the text of the choice of none. */
export function StageField({ label, all = "Choose a stage", value, error, onInput }) {
  const { data, error: failure } = useLoad(async (signal) => (await call(STAGES, { signal })).data, STAGES);
  const pipelines = Map.groupBy(data ?? [], (stage) => stage.pipeline);
  return html`<${Field} id="stage" label=${label} error=${error}>
    ${(more) => html`
      <select value=${value} onChange=${(event) => onInput(event.target.value)} ...${more}>
        <option value="">${data ? all : "Loading the stages…"}</option>
        ${[...pipelines].map(
          ([pipeline, stages]) => html`<optgroup key=${pipeline} label=${pipeline}>
            ${stages.map(({ stage_id: id, stage_name: name }) => html`<option key=${id} value=${id} selected=${isNamed(value, id, name)}>${name}</option>`)}
          </optgroup>`,
        )}
      </select>
      ${failure && html`<p class="bad" role="alert">The stages cannot be read: ${failure.message}</p>`}
      ${data?.length === 0 && html`<p class="muted">No stage is known yet: the first sync of everything brings them.</p>`}
    `}
  </${Field}>`;
}

function isNamed(value, id, name) {
  return value === id || value.toLowerCase() === name.toLowerCase();
}
