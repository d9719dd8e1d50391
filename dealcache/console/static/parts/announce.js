/** A line that screen readers speak and everybody may see: what an action did. */

import { html } from "../vendor/preact.js";
import { Store, useStore } from "../app/store.js";

const SHOWN = 6_000;
const said = new Store({ text: "", isBad: false });
let timer = null;

/**
 * Say something for a few seconds.
 *
 * @param {string} text a sentence.
 * @param {{isBad?: boolean}} how isBad: true if something failed; then it stays until the next.
 */
export function say(text, { isBad = false } = {}) {
  clearTimeout(timer);
  said.value = { text, isBad };
  if (!isBad) timer = setTimeout(() => (said.value = { text: "", isBad: false }), SHOWN);
}

/** Where it is said; once, in the frame. */
export function Announcement() {
  const { text, isBad } = useStore(said);
  return html`<div class="announcement" role="status" aria-live="polite">
    ${text &&
    html`<p class=${isBad ? "bad" : ""}>
      ${text}
      <button type="button" class="quiet" aria-label="Dismiss" onClick=${() => say("")}>×</button>
    </p>`}
  </div>`;
}
