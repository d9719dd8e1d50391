/** Lines that screen readers speak: what actions did, and what happened. */

import { html } from "../vendor/preact.js";
import { Store, useStore } from "../app/store.js";

const SHOWN = 6_000;
const lines = new Store([]);

/**
 * Say something for some seconds, beside the last three.
 *
 * @param {string} text a sentence.
 * @param {{isBad?: boolean}} how isBad: something failed; it stays until the next.
 */
export function say(text, { isBad = false } = {}) {
  const line = { text, isBad, at: performance.now() };
  const recent = lines.value.filter((one) => one.text !== text && line.at - one.at < SHOWN);
  lines.value = [...recent, line].slice(-4);
  if (!isBad) setTimeout(remove, SHOWN, line);
}

function remove(line) {
  lines.value = lines.value.filter((one) => one !== line);
}

/** Where they are said, in the frame. */
export function Announcement() {
  return html`<div class="announcement" role="status" aria-atomic="false">
    ${useStore(lines).map(
      (line) => html`<p key=${line.text} class=${line.isBad ? "bad" : ""}>
        ${line.text}
        <button type="button" class="quiet" aria-label="Dismiss" onClick=${() => remove(line)}>×</button>
      </p>`,
    )}
  </div>`;
}
