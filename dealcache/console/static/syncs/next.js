/** The next sync by itself, or what it means that there is none. */

import { html } from "../vendor/preact.js";
import { duration } from "../app/format.js";
import { Moment } from "../parts/moment.js";

/** A line about it. `status` is that of the service, `now` the present in milliseconds. */
export function NextOne({ status, now }) {
  if (!status) return html``;
  const { interval_seconds: interval, next_at: at } = status.sync;
  if (interval === 0) return html`<p class="muted">${without(status)}</p>`;
  const every = html`<span class="muted">One comes every ${duration(interval)}.</span>`;
  if (!at) return html`<p>When the next one comes by itself is not known just now. ${every}</p>`;
  const seconds = Math.ceil((new Date(at) - now) / 1_000);
  if (seconds <= 0) return html`<p>The next one by itself is due now. ${every}</p>`;
  return html`<p>The next one comes by itself in ${duration(seconds)}, <${Moment} at=${at} />. ${every}</p>`;
}

function without(status) {
  const rest = [];
  if (status.webhooks.enabled) rest.push("HubSpot’s webhooks bring single changes.");
  if (status.data.max_age_seconds > 0) {
    rest.push(`A deal older than ${duration(status.data.max_age_seconds)} is read again when somebody looks at it.`);
  }
  const meaning = `Lists are as old as the last sync until somebody starts one.`;
  return `No sync comes by itself (SYNC_INTERVAL_SECONDS is 0). ${meaning} ${rest.join(" ")}`;
}
