/** One event of the list. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { count, dayAndTime, exactly } from "../app/format.js";
import { address, route } from "../app/router.js";
import { tone } from "../parts/types.js";
import { peopleLine } from "./people.js";

/** What another system may have written to an event, and how it is called here. */
const FOREIGN = { sentiment: "Sentiment", buyer_intent: "Buyer intent", buyer_intent_explanation: "Why" };

/**
 * The event, with its whole content on demand.
 *
 * @param {Object} event as of the API.
 * @param {boolean} isChosen true if it is the one that the address names.
 * @param {boolean} isNew true if it came while the page was open.
 * @param {boolean} isPlanned true if it lies in the future.
 * @param {number} opened a number that changes whenever it shall show its content; 0: not yet.
 * @param {(id: string) => void} onChoose is called when the person turns to it.
 */
export function Event({ event, isChosen, isNew, isPlanned, opened, onChoose }) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => void (opened && setOpen(true)), [opened]);
  const classes = ["event", tone(event.type), isChosen ? "is-chosen" : "", isPlanned ? "is-planned" : ""];
  return html`<li
    class=${classes.filter(Boolean).join(" ")}
    id=${`event-${event.id}`}
    aria-current=${isChosen ? "true" : null}
  >
    <details open=${isOpen} onToggle=${({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary onClick=${() => onChoose(event.id)}>
        <time datetime=${event.timestamp} title=${exactly(event.timestamp)}>
          ${dayAndTime(event.date_str, event.time_str)}
        </time>
        <span class="event-type"><span class="dot" aria-hidden="true"></span>${event.type}</span>
        <span class="event-about">
          ${isNew && html`<span class="badge good">New</span>`} ${isPlanned && html`<span class="badge">Planned</span>`}
          ${present(event.sentiment) && html`<span class="badge">${text(event.sentiment)}</span>`}
          <span class="event-words" dir="auto">
            ${event.subject && html`<b>${event.subject}</b>`}${" "}
            <span class="muted">${event.content_preview || (event.subject ? "" : "No subject")}</span>
          </span>
          ${event.with?.length > 0 && html`<span class="event-with muted" dir="auto">${peopleLine(event.with, 2)}</span>`}
        </span>
        <span class="event-owner muted" dir="auto">${event.owner}</span>
      </summary>
      ${isOpen && html`<${Body} event=${event} />`}
    </details>
  </li>`;
}

function Body({ event }) {
  const foreign = Object.entries(FOREIGN).filter(([field]) => present(event[field]));
  const facts = foreign.map(([field, label]) => [label, text(event[field])]);
  if (event.with?.length > 0) facts.unshift(["With", peopleLine(event.with)]);
  const now = route();
  return html`<div class="event-body">
    ${
      event.content
        ? html`<p class="event-content" dir="auto">${event.content}</p>`
        : html`<p class="muted">This event has no content.</p>`
    }
    ${
      facts.length > 0 &&
      html`<dl class="facts">
        ${facts.map(
          ([label, value]) =>
            html`<div>
              <dt>${label}</dt>
              <dd dir="auto">${value}</dd>
            </div>`,
        )}
      </dl>`
    }
    <p class="muted">
      ${exactly(event.timestamp)} · ${event.owner || "No owner"} · ${count(event.content.length)} characters ·${" "}
      <a href=${address(now.path, { event: event.id })}>Link to this event</a>
    </p>
  </div>`;
}

function present(value) {
  return value !== undefined && value !== null && value !== "";
}

function text(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
