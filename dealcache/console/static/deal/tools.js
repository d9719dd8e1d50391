/** What stands above the list, and in its place if there is nothing to list. */

import { html } from "../vendor/preact.js";
import { count, counted } from "../app/format.js";
import { Empty } from "../parts/states.js";
import { NO_FILTERS } from "./view.js";

/**
 * Search, order and number.
 *
 * @param {Object} view what is looked at; `change` changes it.
 * @param {Object} search a reference for the search field.
 * @param {number} shown how many events are listed, of `total`.
 * @param {number} held how many new events are kept back; `release` lets them in.
 */
export function Tools({ view, change, search, shown, total, held, release }) {
  const isNarrowed = view.q || view.types.size || view.since || view.until;
  return html`<div class="list-tools">
    <h2 id="events-title">Events</h2>
    <input
      type="search"
      ref=${search}
      aria-label="Search events"
      placeholder="Search events"
      value=${view.q}
      onInput=${(event) => change({ q: event.target.value || null }, { replace: true })}
    />
    <select
      aria-label="Order"
      value=${view.oldestFirst ? "oldest" : "newest"}
      onChange=${(event) => change({ order: event.target.value === "oldest" ? "oldest" : null })}
    >
      <option value="newest">Newest first</option>
      <option value="oldest">Oldest first</option>
    </select>
    <p role="status" class="list-count">${count(shown)} of ${counted(total, "event")}</p>
    ${isNarrowed &&
    html`<button type="button" class="quiet" onClick=${() => change(NO_FILTERS)}>Clear filters</button>`}
    ${held > 0 &&
    html`<button type="button" class="primary" onClick=${release}>Show ${counted(held, "new event")}</button>`}
  </div>`;
}

/** Why no event is listed, and what to do. */
export function Nothing({ total, change }) {
  if (total === 0) {
    return html`<${Empty} title="No events yet.">
      HubSpot knows no meeting, call, e-mail, note or task of this deal. Refresh asks again.
    </${Empty}>`;
  }
  return html`<${Empty} title="No event is like that.">
    <button type="button" onClick=${() => change(NO_FILTERS)}>Show all ${counted(total, "event")}</button>
  </${Empty}>`;
}
