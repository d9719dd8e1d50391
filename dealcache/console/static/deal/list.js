/** The events as a list, which says all that the picture shows. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { count } from "../app/format.js";
import { useKeys } from "../parts/keys.js";
import { Event } from "./event.js";
import { useHeld } from "./held.js";
import { momentOf } from "./marks.js";
import { STEP, useSpan } from "./span.js";
import { putBack } from "./still.js";
import { Nothing, Tools } from "./tools.js";
import { NO_FILTERS } from "./view.js";

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
    if (ordered.length === 0) return;
    wanted.current = ordered[next].id;
    if (next !== place) return choose(ordered[next].id);
    showRow(ordered[next].id);
    wanted.current = null;
  };
  useKeys({
    j: { does: "Next event", run: () => step(1) },
    k: { does: "Previous event", run: () => step(-1) },
    "/": { does: "Search; Enter leads on to the events", run: () => search.current?.focus() },
  });
  // The event that is to be brought into sight once it is drawn: when the page opens, and when a key asks for it.
  const wanted = useRef(view.event);
  const isFirst = useRef(true);
  const [first] = useState(view.event);
  useLayoutEffect(() => {
    if (wanted.current === null || place < 0) return;
    showRow(wanted.current, isFirst.current ? "center" : "nearest");
    isFirst.current = false;
    wanted.current = null;
  });
  useEffect(() => {
    if (picked.id === null) return;
    showRow(picked.id, "center");
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
    <${Tools}
      view=${view}
      change=${change}
      search=${search}
      shown=${ordered.length}
      total=${all.length}
      held=${held.size}
      release=${release}
    />
    ${view.event && place < 0 && html`<${Hidden} change=${change} />`}
    ${ordered.length === 0 && html`<${Nothing} total=${all.length} change=${change} />`}
    ${span.from > 0 && html`<${Before} left=${span.from} before=${before} />`}
    <ol class="events" ref=${list}>
      ${ordered.slice(span.from, span.to).map(
        (event) => html`<${Event}
          key=${event.id}
          event=${event}
          isChosen=${event.id === view.event}
          isNew=${added.has(event.id)}
          isPlanned=${momentOf(event) > now}
          opened=${openedOf(event.id)}
          onChoose=${choose}
        />`,
      )}
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

function Hidden({ change }) {
  return html`<p class="notice">
    The event that the address names is not among those shown.
    <button type="button" onClick=${() => change(NO_FILTERS)}>Show all</button>
  </p>`;
}

function Before({ left, before }) {
  return html`<p class="more">
    <button type="button" onClick=${before}>
      Show ${count(Math.min(STEP, left))} before these (${count(left)} not shown)
    </button>
  </p>`;
}

/** Draws more by itself before the end of what is drawn comes into sight, and on demand. */
function More({ left, more }) {
  const button = useRef();
  const latest = useRef();
  latest.current = more;
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && latest.current(), {
      rootMargin: "0px 0px 600px",
    });
    observer.observe(button.current);
    return () => observer.disconnect();
  }, [left]);
  return html`<p class="more">
    <button type="button" ref=${button} onClick=${more}>Show more (${count(left)} not shown)</button>
  </p>`;
}

/** Bring an event into sight, with the focus on it. */
function showRow(id, block = "nearest") {
  const row = document.getElementById(`event-${id}`);
  row?.querySelector("summary").focus({ preventScroll: true });
  row?.scrollIntoView({ block });
}
