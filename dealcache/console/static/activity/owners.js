/** Activities by owner: a bar for each, of pieces by type, which also filters. */

import { html, useState } from "../vendor/preact.js";
import { count } from "../app/format.js";
import { Bars } from "../parts/bars.js";
import { isSame } from "../parts/stages.js";
import { tone } from "../parts/types.js";
import { inWords, ofTypes } from "./columns.js";
import { Numbers } from "./numbers.js";

/** Owners that are shown at first. */
const FIRST = 12;

/** What the API calls owners of whom no name is known. */
const UNKNOWN = "Unknown Owner";

/**
 * The bars.
 *
 * @param {Object[]} rows those of the API's answer by owner.
 * @param {string[]} types those shown.
 * @param {string[]} words the present filter by owners.
 * @param {(words: string[]) => void} onChange takes another one.
 */
export function Owners({ rows, types, words, onChange }) {
  const [isWhole, setWhole] = useState(false);
  const owners = ofTypes(rows, types)
    .filter((row) => row.count > 0)
    .sort((one, other) => other.count - one.count);
  const means = (word, row) => word.trim() === row.key || isSame(word, row.label);
  const bars = owners.map((row) => ({
    ...{ key: wordFor(row, rows), label: row.label, value: row.count, text: count(row.count) },
    title: inWords(row, types),
    pieces: types.map((type) => ({ value: row.by_type[type] ?? 0, tone: tone(type) })),
  }));
  const chosen = new Set(owners.filter((row) => words.some((word) => means(word, row))).map((row) => wordFor(row, rows)));
  const toggle = (key) => {
    const row = owners.find((one) => wordFor(one, rows) === key);
    onChange(chosen.has(key) ? words.filter((word) => !means(word, row)) : [...words, key]);
  };
  const isShown = (bar, place) => isWhole || place < FIRST || chosen.has(bar.key);
  if (owners.length === 0) return html`<p class="muted">Nobody has any of these activities.</p>`;
  return html`
    <${Bars} rows=${bars.filter(isShown)} chosen=${chosen} onToggle=${toggle} label="Filter by owner" />
    ${owners.length > FIRST &&
    html`<p class="activity-more">
      <button type="button" aria-expanded=${isWhole ? "true" : "false"} onClick=${() => setWhole(!isWhole)}>
        ${isWhole ? `The first ${FIRST} owners` : `All ${count(owners.length)} owners`}
      </button>
    </p>`}
    <${Numbers} title="Activities by owner" first="Owner" rows=${owners} types=${types} />
  `;
}

/** Return what to ask for to get one owner's activities: the name, or the id where several have that name. */
export function wordFor(row, rows) {
  const isAlone = rows.filter((one) => isSame(one.label, row.label)).length === 1;
  return isAlone || row.key === null ? row.label || UNKNOWN : row.key;
}
