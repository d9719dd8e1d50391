/** Own properties on the page of deals: fields to filter by them, and which of them are columns. */

import { html } from "../vendor/preact.js";
import { SEVERAL, choiceOf } from "../parts/deal_fields.js";
import { Choice, Written } from "../parts/fields.js";
import { OWN, propertyText } from "../parts/properties.js";
import { isSame } from "../parts/stages.js";

const FLAGS = [
  { value: "true", label: "Yes" },
  { value: "false", label: "No" },
];

/** What ascending and descending mean for values of a type. */
const ORDERS = {
  number: ["smallest first", "largest first"],
  date: ["oldest first", "newest first"],
  datetime: ["oldest first", "newest first"],
  bool: ["No first", "Yes first"],
};

/** The fields of types into which something is written. */
const WRITTEN = {
  number: { type: "number", step: "any" },
  date: { type: "date" },
  datetime: { type: "date" },
};

/**
 * The fields, and a box for each property to show it as a column.
 *
 * @param {Object[]} properties as the API lists them.
 * @param {Object} question the present one.
 * @param {Object<string, string>} errors what is wrong, by the field.
 * @param {(changes: Object, how?: Object) => void} ask asks another question.
 */
export function OwnProperties({ properties, question, errors, ask }) {
  const indexed = properties.filter((one) => one.indexed);
  return html`<div class="fields">
      ${indexed.map((one) => {
        const name = OWN + one.name;
        const words = question[name] ?? [];
        return html`<${OwnField} key=${name} property=${one} name=${name} words=${words} error=${errors[name]} ask=${ask} />`;
      })}
    </div>
    <${Columns} properties=${properties} question=${question} ask=${ask} />`;
}

function OwnField({ property, name, words, error, ask }) {
  const { label, type } = property;
  if (type === "bool" || property.options.length > 0) {
    const known = type === "bool" ? FLAGS : property.options;
    const chosen = words.map((word) => meant(word, known));
    const { value, options } = choiceOf(chosen, known, "values");
    const onChange = (next) => next !== SEVERAL && ask({ [name]: next ? [next] : [] });
    return html`<${Choice} ...${{ name, label, error, value, onChange }} options=${[...options, ...known]} />`;
  }
  // Several values come by a link alone: a text may have any character between two of them.
  const onChange = (next, how) => ask({ [name]: next ? [next] : [] }, how);
  return html`<${Written} ...${{ name, label, error, onChange }} value=${words[0] ?? ""} ...${WRITTEN[type]} />`;
}

/** Return the value of the option that a word means, or the word itself. */
function meant(word, options) {
  const found = options.find((one) => one.value === word) ?? options.find((one) => isSame(one.label, word));
  return found?.value ?? word;
}

function Columns({ properties, question, ask }) {
  const chosen = new Set(question.columns);
  const turn = (name) => {
    const columns = properties.map((one) => one.name).filter((one) => chosen.has(one) !== (one === name));
    ask({ columns });
  };
  return html`<fieldset class="deals-columns">
    <legend>Columns</legend>
    ${properties.map(
      ({ name, label }) => html`<label key=${name}>
        <input type="checkbox" name="column" aria-label="Column ${label}" value=${name} checked=${chosen.has(name)} onChange=${() => turn(name)} />
        <span dir="auto">${label}</span>
      </label>`,
    )}
  </fieldset>`;
}

/** Return the properties by which deals can be sorted, as columns of the table. */
export function sortableColumns(properties) {
  return properties.map(columnOf).filter((column) => column.by !== null);
}

/** Return the columns of the properties that a question names, and of the one that it sorts by. */
export function ownColumns(properties, question) {
  const sorted = question.sort.replace(/^-/, "");
  return properties.filter(({ name }) => question.columns.includes(name) || OWN + name === sorted).map(columnOf);
}

function columnOf({ name, label, type, indexed, several }) {
  const text = (deal) => (deal.properties?.[name] ? propertyText(deal.properties[name]) : null);
  return {
    ...{ name: "own", key: OWN + name, title: label, numeric: type === "number", date: ["date", "datetime"].includes(type) },
    ...{ by: indexed && !several ? OWN + name : null, orders: ORDERS[type] ?? ["A to Z", "Z to A"], text },
    cell: ({ deal }) => html`<span class="deals-short" dir="auto" title=${text(deal)}>${text(deal)}</span>`,
  };
}
