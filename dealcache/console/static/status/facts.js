/** Facts in lists: the data, the syncs, the webhooks, the releases. What is null is unknown, never 0. */

import { html } from "../vendor/preact.js";
import { count, duration, exactly } from "../app/format.js";
import { percent } from "../app/measures.js";
import { address } from "../app/router.js";
import { Moment } from "../parts/moment.js";

/** What stands where a value is not known. */
export const UNKNOWN = "unknown";

/** A fact: a term, and what is known of it; a value that is null is unknown. */
function Fact({ term, value, children }) {
  const isKnown = value !== null && value !== undefined;
  return html`<div>
    <dt>${term}</dt>
    <dd>${isKnown ? (children ?? value) : html`<span class="muted">${UNKNOWN}</span>`}</dd>
  </div>`;
}

function counts(value) {
  return value === null ? null : count(value);
}

/** The age of the data in large, and how much there is. */
export function DataPanel({ status: { data }, age }) {
  const unknown = data.deals === 0 ? "none yet" : UNKNOWN;
  return html`<section class="panel" aria-labelledby="data">
    <h2 id="data">Data</h2>
    <p class="big-age" title=${exactly(data.as_of)}>
      ${age === null ? unknown : html`${duration(Math.round(age))} <small>old</small>`}
    </p>
    ${data.as_of && html`<p class="muted">HubSpot's changes are known up to <${Moment} at=${data.as_of} /></p>`}
    <dl class="facts">
      <${Fact} term="Deals" value=${counts(data.deals)} />
      <${Fact} term="Activities" value=${counts(data.activities)} />
      <${Fact} term="Timelines missing" value=${counts(data.timelines_missing)} />
      <${Fact} term="Read again after" value=${data.max_age_seconds ? duration(data.max_age_seconds) : "never"} />
    </dl>
  </section>`;
}

/** What runs, what comes next, and how the last ones ended. */
export function SyncsPanel({ sync }) {
  // While MongoDB does not answer nothing of the syncs is known; otherwise null means that there is none.
  const isKnown = sync.queued !== null;
  const interval = sync.interval_seconds;
  return html`<section class="panel" aria-labelledby="syncs">
    <h2 id="syncs">Syncs</h2>
    <dl class="facts">
      <${Fact} term="Scheduled" value=${interval === 0 ? "no" : `every ${duration(interval)}`} />
      <${Fact} term="Next" value=${isKnown ? "" : null}><${Next} sync=${sync} /></${Fact}>
      <${Fact} term="Running" value=${isKnown ? "" : null}>${sync.running ? progress(sync.running) : "none"}</${Fact}>
      <${Fact} term="Waiting" value=${counts(sync.queued)} />
      <${Fact} term="Last completed" value=${isKnown ? "" : null}>
        <${At} at=${sync.last_completed?.finished_at} />
      </${Fact}>
      <${Fact} term="Last failed" value=${isKnown ? "" : null}><${At} at=${sync.last_failed?.finished_at} /></${Fact}>
      <${Fact} term="Last of everything" value=${isKnown ? "" : null}><${At} at=${sync.last_full_at} /></${Fact}>
    </dl>
    <p class="panel-link"><a href=${address("/syncs")}>All syncs</a></p>
  </section>`;
}

function At({ at }) {
  return at ? html`<${Moment} at=${at} isRelative />` : "none";
}

function Next({ sync: { next_at: at } }) {
  return at && Date.parse(at) <= Date.now() ? html`<span title=${exactly(at)}>due now</span>` : html`<${At} at=${at} />`;
}

function progress({ progress: { percent: done } }) {
  return done === null ? "yes" : `${percent(done / 100)} done`;
}

/** What HubSpot announces, and what has become of it. */
export function WebhooksPanel({ webhooks }) {
  const { pending, oldest_pending_seconds: seconds } = webhooks;
  const oldest = pending === 0 ? "none waits" : seconds === null ? null : duration(seconds);
  return html`<section class="panel" aria-labelledby="webhooks">
    <h2 id="webhooks">Webhooks</h2>
    <dl class="facts">
      <${Fact} term="Set up" value=${webhooks.enabled ? "yes" : "no"} />
      <${Fact} term="Received in the last hour" value=${counts(webhooks.received_last_hour)} />
      <${Fact} term="Waiting" value=${counts(pending)} />
      <${Fact} term="Oldest waits for" value=${oldest} />
      <${Fact} term="Set aside" value=${counts(webhooks.set_aside)} />
    </dl>
  </section>`;
}

/** Which release answers, and for which HubSpot account. */
export function VersionFacts({ status: { version, account, time_zone } }) {
  return html`<dl class="facts">
    <${Fact} term="Version that answers" value=${version} />
    <${Fact} term="HubSpot account" value=${account.portal_id} />
    <${Fact} term="Days are days of" value=${time_zone} />
  </dl>`;
}
