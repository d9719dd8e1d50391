/** The pipelines at a glance: a bar for each stage, which also filters. */

import { html } from "../vendor/preact.js";
import { Bars } from "../parts/bars.js";
import { Loaded } from "../parts/states.js";
import { barsOf, wordsFor } from "./stages.js";

/**
 * The bars.
 *
 * @param {Object} loading what useLoad returned for the summary.
 * @param {Object[]} stages all stages.
 * @param {string[]} words the present filter by stages.
 * @param {(words: string[]) => void} onChange takes another one.
 */
export function Summary({ loading, stages, words, onChange }) {
  const toggle = (label) => {
    const before = wordsFor(label, words, stages);
    onChange(before.length > 0 ? words.filter((word) => !before.includes(word)) : [...words, label]);
  };
  return html`<${Loaded} loading=${loading} what="the summary">
    ${(summary) => {
      const rows = barsOf(summary, stages);
      const chosen = new Set(rows.map((row) => row.key).filter((key) => wordsFor(key, words, stages).length > 0));
      const several = summary.some((line) => line.amounts);
      return html`<div class=${several ? "deals-several" : ""}>
        <${Bars} rows=${rows} chosen=${chosen} onToggle=${toggle} label="Filter by stage" />
      </div>`;
    }}
  </${Loaded}>`;
}
