/** The dialog that starts a sync. What is chosen stands in the address, so that other pages can link to it. */

import { html, useRef, useState } from "../vendor/preact.js";
import { useStatus } from "../app/service.js";
import { Dialog } from "../parts/dialog.js";
import { DateField, DealField, StageField } from "./fields.js";
import { CHOICES, ask } from "./requests.js";

/**
 * The dialog.
 *
 * @param {Object<string, string>} given the address's parameters: `start` is the choice; `deal`, `stage`, `first` and
 *   `last` fill the fields.
 * @param {(changed: Object, how: Object) => void} show changes the address.
 * @param {() => void} onClose is called when the dialog was closed.
 * @param {() => void} refresh is called when a sync was accepted.
 */
export function StartDialog({ given, show, onClose, refresh }) {
  const today = dayIn(useStatus()?.time_zone);
  const [values, setValues] = useState(() => ({
    deal: given.deal ?? "",
    stage: given.stage ?? "",
    first: given.first ?? today,
    last: given.last ?? today,
  }));
  const [errors, setErrors] = useState({});
  const [isBusy, setBusy] = useState(false);
  const form = useRef();
  const choice = Object.hasOwn(CHOICES, given.start) ? given.start : "changes";

  const choose = (next) => {
    setErrors({});
    show({ start: next }, { replace: true });
  };
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    const { jobId, errors: found } = await ask(CHOICES[choice].request(values));
    setBusy(false);
    setErrors(found);
    if (jobId !== null) {
      onClose();
      refresh();
    } else {
      setTimeout(() => form.current?.querySelector("[aria-invalid=true]")?.focus());
    }
  };
  const field = (name) => ({
    value: values[name],
    error: errors[name],
    onInput: (value) => {
      setValues((before) => ({ ...before, [name]: value }));
      setErrors(({ [name]: _gone, ...rest }) => rest);
    },
  });

  return html`<${Dialog} title="Start a sync" onClose=${onClose}>
    <form ref=${form} class="syncs-form" novalidate onSubmit=${submit}>
      <fieldset class="syncs-choices">
        <legend>What to read from HubSpot</legend>
        ${Object.entries(CHOICES).map(([key, one]) => html`<${Choice} key=${key} name=${key} choice=${one} isChosen=${key === choice} onChoose=${choose} />`)}
      </fieldset>
      ${choice === "stage" && html`<${StageField} label="Which stage" ...${field("stage")} />`}
      ${choice === "deal" && html`<${DealField} ...${field("deal")} />`}
      ${choice === "days" &&
      html`
        <div class="syncs-days">
          <${DateField} id="first" label="First day" ...${field("first")} />
          <${DateField} id="last" label="Last day" ...${field("last")} />
        </div>
        <${StageField} label="Of which stage" all="All stages" ...${field("stage")} />
      `}
      ${errors[""] && html`<p class="bad" role="alert">${errors[""]}</p>`}
      <div class="buttons">
        <button type="button" onClick=${onClose}>Close</button>
        <button class="primary" disabled=${isBusy}>Start</button>
      </div>
    </form>
  </${Dialog}>`;
}

function Choice({ name, choice, isChosen, onChoose }) {
  return html`<div class="syncs-choice">
    <input
      type="radio"
      id="choice-${name}"
      name="choice"
      checked=${isChosen}
      autofocus=${isChosen}
      aria-describedby="choice-${name}-text"
      onChange=${() => onChoose(name)}
    />
    <label for="choice-${name}">${choice.label}</label>
    <p id="choice-${name}-text" class="muted">${choice.text}</p>
  </div>`;
}

/** Return the present day of a zone as "YYYY-MM-DD". */
function dayIn(zone = "UTC") {
  const parts = { year: "numeric", month: "2-digit", day: "2-digit", timeZone: zone };
  return new Intl.DateTimeFormat("en-CA", parts).format(new Date());
}
