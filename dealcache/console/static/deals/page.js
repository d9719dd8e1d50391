/** Deals. */

import { html } from "../vendor/preact.js";

/** The page. */
export function Page() {
  return html`<h1>Deals</h1>`;
}
