/** The filters: a length of time or days, weeks or months, stage and owner. */

import { html } from "../vendor/preact.js";
import { OwnerField, StageChoice } from "../parts/deal_fields.js";
import { Written } from "../parts/fields.js";
import { PERIODS } from "./question.js";

/** The filters whose errors are shown beside their fields. */
export const SHOWN = new Set(["since", "until", "stage", "owner"]);

const NAMES = { "4weeks": "4 weeks", quarter: "Quarter", year: "Year" };

/**
 * The fields.
 *
 * @param {Object} question the present one.
 * @param {{since: string, until: string}} days those in force.
 * @param {Object[]} stages all stages; empty while they are not known.
 * @param {string[]} owners names to suggest.
 * @param {Object<string, string>} errors what is wrong, by the field.
 * @param {(changes: Object, how?: Object) => void} ask asks another question.
 */
export function Filters({ question, days, stages, owners, errors, ask }) {
  const hasDays = Boolean(question.since || question.until);
  const fields = (name, label) => html`<${Written}
    type="date"
    name=${name}
    label=${label}
    value=${days[name]}
    error=${errors[name]}
    onChange=${(value, how) => ask({ ...days, [name]: value }, how)}
  />`;
  return html`<div class="panel activity-filters">
    <${Segments}
      label="Period"
      options=${Object.keys(PERIODS).map((period) => [period, NAMES[period]])}
      value=${hasDays ? null : question.period}
      onChange=${(period) => ask({ period, since: "", until: "" })}
    />
    <${Segments}
      label="Columns"
      options=${[["week", "Weeks"], ["month", "Months"]]}
      value=${question.by}
      onChange=${(by) => ask({ by })}
    />
    <div class="fields">
      ${fields("since", "Since")} ${fields("until", "Until")}
      <${StageChoice} words=${question.stage} stages=${stages} error=${errors.stage} ask=${ask} />
      <${OwnerField} words=${question.owner} owners=${owners} error=${errors.owner} ask=${ask} />
    </div>
  </div>`;
}

/** Buttons of which one is pressed. */
function Segments({ label, options, value, onChange }) {
  return html`<div class="segments" role="group" aria-label=${label}>
    ${options.map(
      ([key, name]) => html`<button
        type="button"
        key=${key}
        aria-pressed=${key === value ? "true" : "false"}
        onClick=${() => onChange(key)}
      >
        ${name}
      </button>`,
    )}
  </div>`;
}
