/** The stages that a deal has been in: a list, and bands behind its events. */

import { html } from "../vendor/preact.js";
import { NONE } from "../app/format.js";
import { days } from "../app/measures.js";
import { Moment } from "../parts/moment.js";
import { Failure } from "../parts/states.js";
import { clockOf } from "./marks.js";

/** Pixels: around a label, of a letter on average, and the narrowest band with a label. */
const ROOM = 6;
const LETTER = 6.4;
const NARROW = 34;

/** The list; `stages` is as of useLoad. */
export function Stages({ stages }) {
  const { data, error, reload } = stages;
  if (data === null) return error === null ? html`` : html`<${Failure} error=${error} retry=${reload} />`;
  const { stages: stays, current } = data.content;
  if (stays.length === 0) return html``;
  return html`<section class="panel" aria-labelledby="stages-title">
    <h2 id="stages-title">Stages</h2>
    <ol class="stays">
      ${stays.map(
        (stay) => html`<${Stay} key=${`${stay.stage_id} ${stay.entered_at}`} stay=${stay} isCurrent=${isCurrent(stay, current)} />`,
      )}
    </ol>
  </section>`;
}

function Stay({ stay, isCurrent }) {
  const { stage, pipeline, entered_at: since } = stay;
  const length = stay.days === null ? "" : `${days(stay.days)} ${stay.days === 1 ? "day" : "days"}`;
  return html`<li aria-current=${isCurrent ? "step" : null}>
    <span class="stay-stage" dir="auto" title=${pipeline}>${stage || NONE}</span>
    <span class="stay-days">${length}${isCurrent && length ? " so far" : ""}</span>
    <span class="muted">${since === null ? "since an unknown time" : html`since <${Moment} at=${since} />`}</span>
  </li>`;
}

/** Return true for the stay in the stage that the deal is in. */
function isCurrent(stay, current) {
  return current !== null && stay.left_at === null && stay.stage_id === current.stage_id;
}

/**
 * Return the bands of a picture, those of stays whose beginning and end are known.
 *
 * @param {{stages: Object[], current: Object|null}} content what the API answers.
 * @param {string} zone the service's zone, on whose clock the picture is.
 * @param {number} now the present moment on that clock: the end of the stay in the present stage.
 * @returns {{from: number, to: number, label: string, isCurrent: boolean}[]}
 */
export function bandsOf({ stages, current }, zone, now) {
  const at = (iso) => clockOf(zone, new Date(iso));
  return stages
    .map((stay) => ({ stay, isCurrent: isCurrent(stay, current) }))
    .filter(({ stay, isCurrent }) => stay.entered_at !== null && (stay.left_at !== null || isCurrent))
    .map(({ stay, isCurrent }) => ({
      from: at(stay.entered_at),
      to: isCurrent ? now : at(stay.left_at),
      label: stay.stage,
      isCurrent,
    }));
}

/** The bands between two moments; the list says the same, so they say nothing to a screen reader. */
export function Bands({ bands, domain: [from, to], x, top, height }) {
  const seen = bands
    .map((band, place) => ({ ...band, place, left: x(Math.max(band.from, from)), right: x(Math.min(band.to, to)) }))
    .filter(({ left, right }) => right > left);
  return html`<g aria-hidden="true">
    ${seen.map(({ label, isCurrent, place, left, right }) => {
      const classes = ["band", place % 2 && "is-odd", isCurrent && "is-current"].filter(Boolean).join(" ");
      return html`<g key=${place} class=${classes}>
        <title>${label}</title>
        <rect x=${left} y=${top} width=${right - left} height=${height} />
        ${right - left >= NARROW && html`<text x=${left + ROOM} y=${top + 13}>${shortened(label, right - left)}</text>`}
      </g>`;
    })}
  </g>`;
}

function shortened(label, width) {
  const most = Math.floor((width - 2 * ROOM) / LETTER);
  const letters = [...label];
  return letters.length <= most ? label : `${letters.slice(0, Math.max(1, most - 1)).join("")}…`;
}
