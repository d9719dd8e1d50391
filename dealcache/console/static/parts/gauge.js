/** How much of a bound is used or left: a line, with the numbers above it. */

import { html } from "../vendor/preact.js";

/**
 * A gauge.
 *
 * @param {string} label what it is of.
 * @param {number|null} value how much; null if that is unknown.
 * @param {number} most the bound.
 * @param {string} text the numbers, such as "180 of 190".
 * @param {string} [tone] a class that decides the colour: "warn" or "bad".
 */
export function Gauge({ label, value, most, text, tone = "" }) {
  const bounds = { "aria-valuemin": 0, "aria-valuemax": most, "aria-valuenow": value, "aria-valuetext": text };
  return html`<div class="gauge ${tone}">
    <span class="gauge-label">${label}</span>
    <span class="gauge-text">${text}</span>
    ${value !== null &&
    html`<div class="gauge-line" role="meter" aria-label=${label} ...${bounds}>
      <svg class="bar-line" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect width=${Math.min(100, (100 * value) / (most || 1))} height="8" />
      </svg>
    </div>`}
  </div>`;
}
