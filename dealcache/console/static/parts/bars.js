/** A bar for each of some names, which also filters. */

import { html } from "../vendor/preact.js";

/**
 * Bars as buttons.
 *
 * @param {{key: string, label: string, value: number, text: string, tone?: string, pieces?: {value: number, tone:
 *   string}[], title?: string}[]} rows `value` decides the length, `text` stands behind it, `tone` is a class that decides
 *   the colour; `pieces` are parts of the bar with tones of their own; `title` is told on hover.
 * @param {Set<string>} chosen the keys of those that filter at present.
 * @param {(key: string) => void} onToggle takes the key of a bar that was pressed.
 * @param {string} label names the group.
 */
export function Bars({ rows, chosen, onToggle, label }) {
  const most = Math.max(1, ...rows.map((row) => row.value));
  return html`<div class="bars" role="group" aria-label=${label}>
    ${rows.map(
      (row) => html`<button
        type="button"
        key=${row.key}
        class="bar-row ${row.tone ?? ""}"
        title=${row.title}
        aria-pressed=${chosen.has(row.key) ? "true" : "false"}
        onClick=${() => onToggle(row.key)}
      >
        <span class="bar-label" dir="auto">${row.label}</span>
        <svg class="bar-line" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
          ${row.pieces
            ? beside(row.pieces).map(
                ({ from, value, tone }) =>
                  html`<rect class=${tone} x=${(100 * from) / most} width=${(100 * value) / most} height="8" />`,
              )
            : html`<rect width=${Math.max(row.value > 0 ? 1 : 0, (100 * row.value) / most)} height="8" />`}
        </svg>
        <span class="bar-text">${row.text}</span>
      </button>`,
    )}
  </div>`;
}

/** Return the pieces of a bar, each with `from`, where it begins. */
export function beside(pieces) {
  let from = 0;
  return pieces.map((piece) => ({ ...piece, from: (from += piece.value) - piece.value }));
}
