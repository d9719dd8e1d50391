/** Fields of filters: what is written is taken over when it is finished, and what the service says of it stands below. */

import { html, useRef, useState } from "../vendor/preact.js";
import { styled } from "../app/styles.js";

await styled("parts/fields.css");

/** Milliseconds within which changes of one field are one entry of the history: a held arrow key, digits of a year. */
const BURST = 1_000;

/** The earliest year that is taken over: a year that is being written is one of the Roman Empire at first. */
const EARLIEST = "1000";

/** A label, a control and what is wrong with it. `children` takes the attributes of the control. */
function Field({ name, label, error, hint, children }) {
  const id = `filter-${name}`;
  const control = {
    id,
    name,
    title: hint,
    "aria-invalid": error ? "true" : null,
    "aria-describedby": error ? `${id}-error` : null,
  };
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children(control)}
    ${error && html`<p id="${id}-error" class="bad field-error" role="alert">${error}</p>`}
  </div>`;
}

/**
 * A field to choose from.
 *
 * @param {{value: string, label: string}[]} options of which the first one is no filter.
 * @param {{label: string, options: {value: string, label: string}[]}[]} [groups] further options.
 */
export function Choice({ value, options, groups = [], onChange, ...field }) {
  const option = (one) =>
    html`<option key=${one.value} value=${one.value} selected=${one.value === value}>${one.label}</option>`;
  return html`<${Field} ...${field}>
    ${(control) =>
      html`<select ...${control} value=${value} onChange=${(event) => onChange(event.target.value)}>
        ${options.map(option)}
        ${groups.map((group) => html`<optgroup key=${group.label} label=${group.label}>${group.options.map(option)}</optgroup>`)}
      </select>`}
  </${Field}>`;
}

/**
 * A field to write into: a text, a number or a day.
 *
 * @param {string} value what is in force.
 * @param {(value: string, how: {replace: boolean}) => void} onChange takes what was written, once it is finished.
 * @param {string[]} [suggestions] what is offered.
 */
export function Written({ value, onChange, suggestions = null, type = "text", min, step, name, ...field }) {
  const [draft, setDraft] = useState(null);
  const lastly = useRef(-BURST);
  const finish = ({ target, timeStamp }) => {
    if (target.validity.badInput) return target.reportValidity();
    const written = target.value.trim();
    if (written === value || (type === "date" && written !== "" && written < EARLIEST)) return undefined;
    const replace = timeStamp - lastly.current < BURST;
    lastly.current = timeStamp;
    return onChange(written, { replace });
  };
  const write = (event) => {
    setDraft(event.target.value);
    // A suggestion that was picked is finished; browsers tell it by another kind of input.
    if (suggestions?.includes(event.target.value) && isPicked(event)) finish(event);
  };
  return html`<${Field} name=${name} ...${field}>
    ${(control) => html`<input
        ...${control}
        type=${type}
        min=${min}
        step=${step}
        list=${suggestions && `filter-${name}-list`}
        autocomplete="off"
        value=${draft ?? value}
        onInput=${write}
        onChange=${finish}
        onBlur=${() => setDraft(null)}
      />
      ${suggestions && html`<datalist id="filter-${name}-list">${suggestions.map((one) => html`<option key=${one} value=${one} />`)}</datalist>`}`}
  </${Field}>`;
}

function isPicked(event) {
  return event.inputType === undefined || event.inputType === "insertReplacementText";
}

/**
 * Return what is wrong with filters, by their names, if fields show all of it; null otherwise.
 *
 * @param {ApiError|null} error why a list could not be read.
 * @param {Set<string>} shown the names of the filters that have fields.
 */
export function errorsOf(error, shown) {
  const errors = error?.status === 422 ? Object.entries(error.problem.errors ?? {}) : [];
  if (errors.length === 0 || !errors.every(([name]) => shown.has(name))) return null;
  return Object.fromEntries(errors.map(([name, reasons]) => [name, [reasons].flat(9).map(plain).join(" ")]));
}

function plain(reason) {
  return typeof reason === "string" ? reason : Object.values(reason).flat(9).join(" ");
}
