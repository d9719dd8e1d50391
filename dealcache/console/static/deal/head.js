/** The head of the page: name, what to do with the deal, its facts, and what changed last. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { ApiError, download } from "../app/api.js";
import { ago, day, dealName, duration, milliseconds, NONE, time, when } from "../app/format.js";
import { amount } from "../app/money.js";
import { address } from "../app/router.js";
import { hubspotAddress, useStatus } from "../app/service.js";
import { say } from "../parts/announce.js";
import { propertyText } from "../parts/properties.js";
import { peopleFacts } from "./people.js";
import { Source } from "./source.js";

/** Characters from which on a name is set smaller, so that it does not fill a phone by itself. */
const LONG = 120;

/**
 * The head.
 *
 * @param {string} id HubSpot's id.
 * @param {Object} deal what useDeal returned.
 * @param {Object} view what is looked at: a file has the same types and days.
 */
export function Head({ id, deal, view }) {
  const status = useStatus();
  const [asking, setAsking] = useState({ isBusy: false, failure: null });
  const facts = deal.info.data?.content;
  const inHubSpot = hubspotAddress(status?.account?.portal_id, facts?.dealId ?? id);
  const refresh = async () => {
    setAsking({ isBusy: true, failure: null });
    setAsking({ isBusy: false, failure: await failureOf(deal.refresh) });
  };
  const lines = useRef();
  const news = newsLine(deal.news);
  useEffect(() => {
    // Who reads further down does not see the line.
    if (news && lines.current.getBoundingClientRect().bottom < 0) say(news);
  }, [news]);
  const source = deal.timeline.data?.source ?? deal.info.data?.source;
  // What is shown is newer than the refresh that failed.
  useEffect(() => setAsking((before) => ({ ...before, failure: null })), [source?.at]);
  return html`
    <div class="page-head">
      <h1 dir="auto" class=${facts?.dealName.length > LONG ? "is-long" : ""}>
        ${facts ? dealName(facts.dealId, facts.dealName) : `Deal ${id}`}
      </h1>
      ${
        inHubSpot &&
        html`<a class="button" href=${inHubSpot} target="_blank" rel="noopener noreferrer">Open in HubSpot</a>`
      }
      <button
        type="button"
        disabled=${!deal.timeline.data}
        title="The events of the chosen types and days as a file; the search does not apply"
        onClick=${() => save(id, view)}
      >
        Download CSV
      </button>
      <button type="button" class="primary" disabled=${asking.isBusy} onClick=${refresh}>Refresh</button>
    </div>
    <div class="deal-lines" ref=${lines}>
      ${source && html`<${Source} source=${source} live=${deal.live} />`}
      ${
        asking.failure
          ? html`<p class="bad" role="alert">
              ${asking.failure}${source?.asOf ? ` What is shown is of ${when(source.asOf)}.` : ""}
            </p>`
          : html`<p class="deal-news" role="status">${asking.isBusy ? "HubSpot is asked…" : news}</p>`
      }
    </div>
    ${
      facts &&
      html`<${Facts}
        facts=${facts}
        events=${deal.timeline.data?.content.events}
        people=${deal.timeline.data?.content.with}
      />`
    }
    ${facts?.properties && html`<${OwnProperties} properties=${facts.properties} />`}
  `;
}

async function failureOf(refresh) {
  try {
    return (await refresh()) ? null : "Not refreshed: this needs the admin token.";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const wait =
      error.retryAfter && !/try again/i.test(error.message) ? ` Try again in ${duration(error.retryAfter)}.` : "";
    return `Not refreshed: ${error.message}${wait}`;
  }
}

function newsLine({ at, parts, refreshed }) {
  if (at === null) return "";
  const what = parts.join("; ");
  if (!refreshed) return `Updated ${time(at)}: ${what}`;
  if (refreshed.tier !== "hubspot") {
    // The service has what HubSpot said a moment ago, perhaps to somebody else, and does not ask again so soon.
    return `Not asked again so soon: HubSpot was asked ${ago(refreshed.asOf, at)}${what && `; ${what}`}`;
  }
  return `Refreshed ${time(at)} from HubSpot in ${milliseconds(refreshed.milliseconds)}: ${what || "nothing changed"}`;
}

async function save(id, { types, since, until }) {
  try {
    const query = { dealId: id, format: "csv", types: [...types].join(","), since, until };
    await download("/api/hubspot/deal-timeline", query, `deal-${id}-timeline.csv`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(`No file: ${error.message}`, { isBad: true });
  }
}

function Facts({ facts, events, people }) {
  const today = new Date().toISOString();
  const past = events?.filter((event) => event.timestamp <= today).at(-1)?.date_str;
  const next = events?.find((event) => event.timestamp > today)?.date_str;
  const others = facts.otherDealIds ?? [];
  const rows = [
    ["Stage", facts.dealStage],
    ["Pipeline", facts.pipeline],
    ["Owner", facts.dealOwner],
    ["Amount", amount(facts.amount, facts.currency)],
    ["Created", day(facts.createDate)],
    ["Closes", day(facts.closeDate)],
    ["First activity", day(facts.startDate)],
    ["Last activity", events ? day(past) : NONE],
    ["Next activity", events ? day(next) : NONE],
  ];
  return html`<dl class="facts panel">
    ${rows.map(
      ([label, value]) =>
        html`<div key=${label}>
          <dt>${label}</dt>
          <dd dir="auto">${value || NONE}</dd>
        </div>`,
    )}
    ${peopleFacts(people).map(
      ([label, names]) =>
        html`<div key=${label} class="fact-people">
          <dt>${label}</dt>
          <dd dir="auto">${names || NONE}</dd>
        </div>`,
    )}
    ${
      others.length > 0 &&
      html`<div>
        <dt>Also of this name</dt>
        <dd class="others">${others.map((other) => html`<a href=${address(`/deals/${other}`)}>${other}</a> `)}</dd>
      </div>`
    }
  </dl>`;
}

/** The own properties that the service is configured to show. */
function OwnProperties({ properties }) {
  return html`<dl class="facts panel" aria-label="Own properties">
    ${Object.entries(properties).map(
      ([name, one]) => html`<div key=${name}>
        <dt dir="auto">${one.label}</dt>
        <dd dir="auto"><${Words} text=${propertyText(one)} /></dd>
      </div>`,
    )}
  </dl>`;
}

/** A text, of a long one the beginning until it is opened. */
function Words({ text }) {
  if (text.length <= LONG) return text;
  return html`<details class="fact-words">
    <summary>${text.slice(0, LONG)}…</summary>
    ${text}
  </details>`;
}
