/** The pieces of the picture. */

import { html } from "../vendor/preact.js";
import { labelOf } from "./mark_words.js";
import { tone } from "../parts/types.js";

/** Pixels: the room above the lanes, below them, and at both ends. */
export const TOP = 22;
export const AXIS = 24;
export const EDGE = 14;

const TICKS = {
  hour: { hour: "2-digit", minute: "2-digit" },
  day: { day: "numeric", month: "short" },
  month: { month: "short", year: "numeric" },
  year: { year: "numeric" },
};
for (const unit of Object.keys(TICKS)) {
  TICKS[unit] = new Intl.DateTimeFormat(navigator.languages, { ...TICKS[unit], timeZone: "UTC" });
}

/** One mark; `place` is its place among all of them. */
export function Mark({ mark, place, y, isChosen, isTabStop }) {
  const { x, half, events, isPlanned } = mark;
  const around = Math.max(12, half + 4);
  const classes = ["mark", tone(mark.type), isPlanned && "is-planned", isChosen && "is-chosen"];
  return html`<g
    class=${classes.filter(Boolean).join(" ")}
    data-mark=${place}
    role="button"
    tabindex=${isTabStop ? 0 : -1}
    aria-label=${labelOf(mark)}
    transform="translate(${x.toFixed(1)} ${y})"
  >
    ${isChosen && html`<rect class="ring" x=${-around} y="-12" width=${2 * around} height="24" rx="12" />`}
    ${
      events.length === 1
        ? html`<circle r=${isPlanned ? half - 1 : half} />`
        : html`<rect x=${-half} y="-8.5" width=${2 * half} height="17" rx="8.5" />
            <text dy="0.35em">${events.length}</text>`
    }
  </g>`;
}

/** What is behind the marks: the lanes with their labels, and the ticks. */
export function Grid({ lanes, ticks, x, yOf, sizes, isWide, height }) {
  return html`<g aria-hidden="true">
    ${ticks.map(
      ({ at, unit }) =>
        html`<line class="tick" x1=${x(at)} x2=${x(at)} y1=${TOP} y2=${height - AXIS} />
          <text class="tick-label" x=${Math.min(sizes.right - 24, Math.max(24, x(at)))} y=${height - 7}>
            ${TICKS[unit].format(at)}
          </text>`,
    )}
    ${lanes.map(
      (type, lane) =>
        html`<line class="lane-line" x1=${sizes.left} x2=${sizes.right} y1=${yOf(lane)} y2=${yOf(lane)} />
          <text class="lane-label" x="0" y=${isWide ? yOf(lane) + 4 : yOf(lane) - 14}>${type}</text>`,
    )}
  </g>`;
}

/** The line of the present moment. */
export function Today({ x, sizes, height }) {
  return html`<g aria-hidden="true">
    <line class="today" x1=${x} x2=${x} y1=${TOP - 4} y2=${height - AXIS} />
    <text class="today-label" x=${Math.min(sizes.right - 16, Math.max(sizes.left + 16, x))} y=${TOP - 9}>Today</text>
  </g>`;
}
