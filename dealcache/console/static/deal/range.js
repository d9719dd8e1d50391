/** The days that are looked at: by length, step by step, or by their dates. */

import { html, useRef } from "../vendor/preact.js";
import { DAY, dayOf, momentOf, startOf } from "./marks.js";

/** Days before are of years that are being typed. */
const FIRST_DAY = "1970-01-01";

const LENGTHS = [
  ["Year", 365],
  ["Quarter", 91],
  ["Month", 30],
];

/**
 * The buttons and fields.
 *
 * @param {Object} view what is looked at.
 * @param {(changes: Object) => void} change changes it.
 * @param {Object[]} events all events, oldest first.
 * @param {number[]} domain from when to when the chart shows.
 * @param {number} now the present moment on the service's clock.
 */
export function Range({ view, change, events, domain, now }) {
  const isAll = !view.since && !view.until;
  const days = isAll || !view.since || !view.until ? null : (startOf(view.until) - startOf(view.since)) / DAY + 1;
  const show = (since, until) => change({ since: dayOf(since), until: dayOf(until) });
  const zoom = (length) => {
    const end = endOf(length, { view, events, domain, now, isAll });
    show(end - (length - 1) * DAY, end);
  };
  const move = (sign) => {
    const length = Math.round((domain[1] - domain[0]) / DAY);
    const by = sign * Math.max(1, Math.round(length / 2)) * DAY;
    show(domain[0] + by, domain[0] + by + (length - 1) * DAY);
  };
  return html`<div class="range" role="group" aria-label="Days shown">
    <span class="range-lengths">
      <button
        type="button"
        aria-pressed=${isAll ? "true" : "false"}
        onClick=${() => change({ since: null, until: null })}
      >
        All
      </button>
      ${LENGTHS.map(
        ([name, length]) =>
          html`<button type="button" aria-pressed=${days === length ? "true" : "false"} onClick=${() => zoom(length)}>
            ${name}
          </button>`,
      )}
    </span>
    <span class="range-lengths">
      <button type="button" aria-label="Earlier" title="Earlier" disabled=${isAll} onClick=${() => move(-1)}>‹</button>
      <button type="button" aria-label="Later" title="Later" disabled=${isAll} onClick=${() => move(1)}>›</button>
    </span>
    <${Day} label="From" value=${view.since} max=${view.until} onDay=${(since, how) => change({ since }, how)} />
    <${Day} label="to" value=${view.until} min=${view.since} onDay=${(until, how) => change({ until }, how)} />
  </div>`;
}

/** A field for a day. Browsers tell of each digit of a year: only whole ones count, and they leave one entry. */
function Day({ label, value, min, max, onDay }) {
  const isLater = useRef(false);
  const take = ({ target }) => {
    if (target.value && target.value < FIRST_DAY) return;
    onDay(target.value || null, { replace: isLater.current });
    isLater.current = true;
  };
  return html`<label>
    ${label}
    <input
      type="date"
      value=${value}
      min=${min || FIRST_DAY}
      max=${max || null}
      onFocus=${() => (isLater.current = false)}
      onChange=${take}
    />
  </label>`;
}

/** Return the last day of a new range: around what is looked at, else up to today, else up to the last event. */
function endOf(length, { view, events, domain, now, isAll }) {
  const half = Math.floor(length / 2) * DAY;
  const selected = events.find((event) => event.id === view.event);
  if (selected) return momentOf(selected) + half;
  if (!isAll) return (domain[0] + domain[1]) / 2 + half;
  const past = events.filter((event) => momentOf(event) <= now).at(-1) ?? events[0];
  const isRecent = !past || momentOf(past) > now - length * DAY;
  return isRecent ? now : momentOf(past);
}
