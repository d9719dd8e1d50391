/** The events as a list, which says all that the picture shows. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { count, counted } from "../app/format.js";
import { useKeys } from "../parts/keys.js";
import { Empty } from "../parts/states.js";
import { Event } from "./event.js";
import { momentOf } from "./marks.js";
import { STEP, useSpan } from "./span.js";
import { putBack, rowsRead } from "./still.js";
import { useHeld } from "./held.js";

/**
 * The list.
 *
 * @param {Object[]} all all events of the deal.
 * @param {Object[]} events those that are looked at, oldest first.
 * @param {Object} view what is looked at.
 * @param {(changes: Object, how?: Object) => void} change changes it.
 * @param {Set<string>} added the ids of the events that are new.
 * @param {number} now the present moment on the service's clock.
 * @param {{id: string|null, times: number}} picked the event that was picked in the picture, to be opened.
 */
export function List({ all, events, view, change, added, now, picked }) {
  const list = useRef();
  const search = useRef();
  const question = JSON.stringify([view.q, [...view.types], view.since, view.until, view.oldestFirst]);
  const [held, release] = useHeld(all, question, list, view.oldestFirst);
  const ordered = useOrdered(events, held, view.oldestFirst);
  const span = useSpan(ordered, question, view.event);
  const place = ordered.findIndex((event) => event.id === view.event);
  const choose = (id) => change({ event: id }, { replace: true });
  const step = (by) => {
    const next = place < 0 ? 0 : Math.min(ordered.length - 1, Math.max(0, place + by));
    if (!ordered.length) return;
    wanted.current = ordered[next].id;
    if (next === place) showRow(wanted.current);
    else choose(ordered[next].id);
  };
  useKeys({
    j: { does: "Next event", run: () => step(1) },
    k: { does: "Previous event", run: () => step(-1) },
    "/": { does: "Search events", run: () => search.current?.focus() },
  });
  // What the address names is looked up once when the page opens, and whenever a key, a mark or the history asks.
  const wanted = useRef(view.event);
  const [first] = useState(view.event);
  useLayoutEffect(() => {
    if (wanted.current === null || place < 0) return;
    showRow(wanted.current);
    wanted.current = null;
  });
  useEffect(() => {
    if (picked.id === null) return;
    wanted.current = null;
    showRow(picked.id);
  }, [picked.times]);

  const shownBefore = useRef([]);
  useLayoutEffect(() => {
    putBack(shownBefore.current);
    shownBefore.current = [];
  }, [span.from]);
  const before = () => {
    shownBefore.current = [...list.current.children].slice(0, 1).map((row) => [row, row.getBoundingClientRect().top]);
    span.before();
  };
  const openedOf = (id) => (id === picked.id ? picked.times : id === first ? -1 : 0);
  return html`<section aria-labelledby="events-title" class="panel">
    <${Tools} view=${view} change=${change} search=${search} shown=${ordered.length} total=${all.length} held=${held.size} release=${release} />
    ${view.event && place < 0 && html`<p class="notice">The event that the address names is not among those shown. <button type="button" onClick=${() => change({ types: null, q: null, since: null, until: null })}>Show all</button></p>`}
    ${ordered.length === 0 && html`<${Nothing} total=${all.length} change=${change} />`}
    ${span.from > 0 && html`<p class="more"><button type="button" onClick=${before}>Show ${count(Math.min(STEP, span.from))} before these (${count(span.from)} not shown)</button></p>`}
    <ol class="events" ref=${list}>
      ${ordered.slice(span.from, span.to).map((event) => html`<${Event} key=${event.id} event=${event} isChosen=${event.id === view.event} isNew=${added.has(event.id)} isPlanned=${momentOf(event) > now} opened=${openedOf(event.id)} onChoose=${choose} />`)}
    </ol>
    ${span.to < ordered.length && html`<${More} key=${question} left=${ordered.length - span.to} more=${span.more} />`}
  </section>`;
}

function useOrdered(events, held, oldestFirst) {
  const kept = useRef({});
  const { current } = kept;
  if (current.events !== events || current.held !== held || current.oldestFirst !== oldestFirst) {
    const shown = held.size ? events.filter((event) => !held.has(event.id)) : events;
    kept.current = { events, held, oldestFirst, ordered: oldestFirst ? shown : [...shown].reverse() };
  }
  return kept.current.ordered;
}

function Tools({ view, change, search, shown, total, held, release }) {
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
    <select aria-label="Order" value=${view.oldestFirst ? "oldest" : "newest"} onChange=${(event) => change({ order: event.target.value === "oldest" ? "oldest" : null })}>
      <option value="newest">Newest first</option>
      <option value="oldest">Oldest first</option>
    </select>
    <p role="status" class="list-count">${count(shown)} of ${counted(total, "event")}</p>
    ${isNarrowed && html`<button type="button" class="quiet" onClick=${() => change({ types: null, q: null, since: null, until: null })}>Clear filters</button>`}
    ${held > 0 && html`<button type="button" class="primary" onClick=${release}>Show ${counted(held, "new event")}</button>`}
  </div>`;
}

function Nothing({ total, change }) {
  if (total === 0) {
    return html`<${Empty} title="No events yet.">HubSpot knows no meeting, call, e-mail, note or task of this deal. Refresh asks again.</${Empty}>`;
  }
  return html`<${Empty} title="No event is like that.">
    <button type="button" onClick=${() => change({ types: null, q: null, since: null, until: null })}>Show all ${counted(total, "event")}</button>
  </${Empty}>`;
}

/** Draws more by itself before the end of what is drawn comes into sight, and on demand. */
function More({ left, more }) {
  const button = useRef();
  const latest = useRef();
  latest.current = more;
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && latest.current(), { rootMargin: "0px 0px 600px" });
    observer.observe(button.current);
    return () => observer.disconnect();
  }, [left]);
  return html`<p class="more"><button type="button" ref=${button} onClick=${more}>Show more (${count(left)} not shown)</button></p>`;
}

/** Bring an event into sight, with the focus on it. */
function showRow(id) {
  const row = document.getElementById(`event-${id}`);
  row?.querySelector("summary").focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}
