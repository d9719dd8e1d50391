/** A moment as people write it, with the exact one on hover. */

import { html } from "../vendor/preact.js";
import { NONE, ago, exactly, when } from "../app/format.js";

/** Show a moment; `isRelative`: as "3 minutes ago". Nothing but a dash if there is none. */
export function Moment({ at, isRelative = false }) {
  if (!at) return html`<span class="muted">${NONE}</span>`;
  return html`<time datetime=${at} title=${exactly(at)}>${isRelative ? ago(at) : when(at)}</time>`;
}
