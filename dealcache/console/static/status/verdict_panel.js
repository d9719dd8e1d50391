/** The answer to the first question: is all well, and if not, what is to be done? */

import { html } from "../vendor/preact.js";
import { address } from "../app/router.js";

const PAGES = { syncs: "Look at the syncs", cache: "Look at the cache" };

/** Shows what verdict() decided. Only the sentence is spoken when it changes; ages in the list change all the time. */
export function Verdict({ verdict: { level, title, findings, notes } }) {
  return html`<section class="panel verdict ${level}" aria-labelledby="verdict">
    <div role="status"><h2 id="verdict" class=${level === "unknown" ? "" : level}>${title}</h2></div>
    ${findings.length > 0 && html`<ul class="findings">${findings.map(Finding)}</ul>`}
    ${notes.length > 0 &&
    html`<h3>Good to know</h3>
      <ul class="findings">${notes.map(Finding)}</ul>`}
  </section>`;
}

function Finding({ level, text, next, page }) {
  return html`<li class="finding">
    <span class=${level === "note" ? "" : `${level} strong`} dir="auto">${text}</span>
    ${" "}${next}
    ${page && html` <a href=${address(`/${page}`)}>${PAGES[page]}</a>`}
  </li>`;
}
