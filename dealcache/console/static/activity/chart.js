/** Activities over time as a picture: a column for each week or month, of pieces by type. */

import { html, useState } from "../vendor/preact.js";
import { compact } from "../app/money.js";
import { beside } from "../parts/bars.js";
import { tone } from "../parts/types.js";
import { useWidth } from "../parts/width.js";
import { inWords } from "./columns.js";

/** Pixels: the height, and the room beside and below the columns. */
const HEIGHT = 220;
const LEFT = 44;
const BELOW = 24;
const ABOVE = 10;

/** Pixels between two labels of the axis, half of what one takes at most, and the share of its room that a column takes. */
const BETWEEN = 84;
const HALF = 30;
const SHARE = 0.76;

/**
 * The picture. It says to a screen reader what it shows; the numbers are in a table.
 *
 * @param {Object[]} columns what columnsOf returned, with `count`.
 * @param {string[]} types those shown, from the ground up.
 * @param {string} label names it.
 */
export function Chart({ columns, types, label }) {
  const [box, width] = useWidth();
  const [pointed, setPointed] = useState(null);
  const [ticks, most] = scaleOf(Math.max(...columns.map((column) => column.count)));
  const room = Math.max(0, width - LEFT) / columns.length;
  const y = (value) => HEIGHT - BELOW - (value / most) * (HEIGHT - BELOW - ABOVE);
  const point = ({ target }) => setPointed(target.closest?.("[data-column]")?.dataset.column ?? null);
  return html`<div class="activity-chart" ref=${box} onPointerOver=${point} onPointerLeave=${() => setPointed(null)}>
    <p class="activity-pointed muted" aria-hidden="true">${words(columns[pointed], types)}</p>
    ${width > 0 &&
    html`<svg role="img" aria-label=${label} width=${width} height=${HEIGHT}>
      ${ticks.map(
        (tick) =>
          html`<line class="activity-grid" x1=${LEFT} x2=${width} y1=${y(tick)} y2=${y(tick)} />
            <text class="activity-tick" x=${LEFT - 8} y=${y(tick)} dy="0.35em">${compact(tick)}</text>`,
      )}
      ${columns.map(
        (column, place) => html`<g key=${column.start} data-column=${place} class=${column.note && "is-open"}>
          <rect class="activity-room" x=${LEFT + place * room} y="0" width=${room} height=${HEIGHT - BELOW} />
          ${piecesOf(column, types).map(
            ({ from, value, tone }) => html`<rect
              class="activity-piece ${tone}"
              x=${LEFT + (place + (1 - SHARE) / 2) * room}
              y=${y(from + value)}
              width=${room * SHARE}
              height=${y(from) - y(from + value)}
            />`,
          )}
        </g>`,
      )}
      <${Labels} columns=${columns} room=${room} last=${width - HALF} />
    </svg>`}
  </div>`;
}

/** The names of some weeks or months, as many as there is room for, the last one no further right than `last`. */
function Labels({ columns, room, last }) {
  const every = Math.max(1, Math.ceil(BETWEEN / room));
  const isNamed = (place) => (columns.length - 1 - place) % every === 0;
  return columns.map(
    ({ start, short }, place) =>
      isNamed(place) &&
      html`<text key=${start} class="activity-label" x=${Math.min(last, LEFT + (place + 0.5) * room)} y=${HEIGHT - 7}>${short}</text>`,
  );
}

function piecesOf(column, types) {
  return beside(types.map((type) => ({ value: column.by_type[type] ?? 0, tone: tone(type) }))).filter(({ value }) => value);
}

function words(column, types) {
  if (!column) return "\u00a0"; // keeps its room
  return `${column.label}${column.note}, ${inWords(column, types)}`;
}

/** Return the ticks of the scale from 0, and its end: steps of 1, 2 or 5, about four of them. */
function scaleOf(highest) {
  const rough = Math.max(1, highest / 4);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((one) => one * power >= rough);
  const steps = Math.max(1, Math.ceil(highest / step));
  return [Array.from({ length: steps + 1 }, (_, place) => place * step), steps * step];
}
