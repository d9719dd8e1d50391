/** Lines that screen readers speak and everybody may see: what actions did, and what happened meanwhile. */

import { html } from "../vendor/preact.js";
import { Store, useStore } from "../app/store.js";

/** Milliseconds for which a line is shown at least, unless many come at once. */
const SHOWN = 6_000;

/** So many lines are shown at once, the latest. */
const MOST = 4;

const lines = new Store([]);
let said = 0;

/**
 * Say something for a few seconds, beside what was said just before.
 *
 * @param {string} text a sentence.
 * @param {{isBad?: boolean}} how isBad: true if something failed; then it stays until something is said later.
 */
export function say(text, { isBad = false } = {}) {
  const line = { id: ++said, text, isBad, at: performance.now() };
  const recent = lines.value.filter((one) => one.text !== text && line.at - one.at < SHOWN);
  lines.value = [...recent, line].slice(-MOST);
  if (!isBad) setTimeout(() => remove(line), SHOWN);
}

function remove(line) {
  lines.value = lines.value.filter((one) => one !== line);
}

/** Where they are said; once, in the frame. */
export function Announcement() {
  return html`<div class="announcement" role="status" aria-live="polite" aria-atomic="false">
    ${useStore(lines).map(
      (line) => html`<p key=${line.id} class=${line.isBad ? "bad" : ""}>
        ${line.text}
        <button type="button" class="quiet" aria-label="Dismiss" onClick=${() => remove(line)}>×</button>
      </p>`,
    )}
  </div>`;
}
