/** Where what is shown came from, and how old it is, in one quiet line. */

import { html } from "../vendor/preact.js";
import { online } from "../app/api.js";
import { ago, duration, exactly, milliseconds } from "../app/format.js";
import { useStore } from "../app/store.js";
import { useNow } from "../parts/frame.js";

/** The tiers as people call them. */
const TIERS = { memory: "memory", redis: "Redis", mongodb: "MongoDB", hubspot: "HubSpot" };

const LIVE = {
  connecting: "Connecting for live updates",
  live: "Live",
  away: "Not live: it is tried again",
  paused: "Not live while hidden",
};

/**
 * The line.
 *
 * @param {{tier: string, status: string, age: number, asOf: string|null, inService: number, milliseconds: number,
 *   at: number}} source what the answer's headers say.
 * @param {string} live whether changes are heard of.
 */
export function Source({ source, live }) {
  const now = useNow();
  const isOnline = useStore(online);
  const hears = isOnline || live !== "live" ? live : "away";
  const isStale = /stale-if-error|unsure/.test(source.status);
  const age = Math.max(0, Math.floor(source.age + (now - source.at) / 1_000));
  return html`<p class="source muted">
    <span title=${source.status}>From ${TIERS[source.tier] ?? source.tier}</span>
    <span>${duration(age)} in the cache</span>
    ${source.asOf && html`<${AsOf} at=${source.asOf} now=${now} />`}
    <span title="From the request to the answer, and the part of it that the service's tiers took">
      ${milliseconds(source.milliseconds)}, ${milliseconds(source.inService)} in the service
    </span>
    <span class=${hears === "live" ? "good" : ""}>
      <span aria-hidden="true">${hears === "live" ? "●" : "○"}</span> ${LIVE[hears]}
    </span>
    ${isStale && html`<span class="badge warn">Stale: what lies below the cache is away</span>`}
    ${/revalidating/.test(source.status) && html`<span class="badge">HubSpot is being asked again</span>`}
    ${!isOnline && html`<span class="badge warn">Offline: this is of before</span>`}
  </p>`;
}

function AsOf({ at, now }) {
  return html`<span>Data as of <time datetime=${at} title=${exactly(at)}>${ago(at, now)}</time></span>`;
}
