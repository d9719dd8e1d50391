/** The faces of a part that has nothing to show yet, nothing at all, or an error. */

import { html } from "../vendor/preact.js";
import { useStore } from "../app/store.js";
import { asked } from "../app/token.js";

/** Says that something is loading. Shown only after a while: see load.js. */
export function Loading({ what = "" }) {
  return html`<p class="state" role="status"><span class="spinner" aria-hidden="true"></span> Loading ${what}…</p>`;
}

/** Says that there is nothing, and what to do next; `isPage`: the whole page has nothing but this. */
export function Empty({ title, isPage = false, children }) {
  return html`<div class="state">
    ${isPage ? html`<h1 class="state-title">${title}</h1>` : html`<p class="state-title">${title}</p>`}
    ${children && html`<div class="state-next">${children}</div>`}
  </div>`;
}

/** Says why something failed, with the request's id for whoever looks into the log. */
export function Failure({ error, retry }) {
  const question = useStore(asked);
  if (error.status === 401 && question) return html``; // the frame asks for a token
  return html`<div class="state failure" role="alert">
    <p class="state-title">${error.message}</p>
    ${(error.problem?.errors ? details(error.problem.errors) : []).map((line) => html`<p>${line}</p>`)}
    ${error.requestId && html`<p class="muted">Request <code>${error.requestId}</code></p>`}
    ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

/**
 * Show what useLoad returned: its data by a function, or why there is none.
 *
 * @param {Object} loading what useLoad returned.
 * @param {string} what names it, for "Loading …".
 * @param {(data: any) => any} children shows the data.
 */
export function Loaded({ loading, what, children }) {
  const { data, error, isLoading, isStale, reload } = loading;
  if (data === null) {
    if (error) return html`<${Failure} error=${error} retry=${reload} />`;
    return isLoading ? html`<${Loading} what=${what} />` : html``;
  }
  // Of no answer at all the frame's bar tells: what is read stays where it is.
  return html`
    ${error && error.status !== 0 && html`<${Failure} error=${error} retry=${reload} />`}
    <div class=${isStale && (isLoading || error) ? "stale" : ""} aria-busy=${isLoading ? "true" : "false"}>
      ${children(data)}
    </div>
  `;
}

function details(errors) {
  return Object.entries(errors).map(([field, reasons]) => `${field}: ${[reasons].flat(9).map(text).join(" ")}`);
}

function text(reason) {
  return typeof reason === "string" ? reason : JSON.stringify(reason);
}
