/** Deal. */

import { html } from "../vendor/preact.js";

/** The page. */
export function Page() {
  return html`<h1>Deal</h1>`;
}
