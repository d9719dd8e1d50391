/** What is many: the tiers, HubSpot's limits and the workers. */

import { html } from "../vendor/preact.js";
import { count, milliseconds } from "../app/format.js";
import { Gauge } from "../parts/gauge.js";
import { Moment } from "../parts/moment.js";
import { UNKNOWN, VersionFacts } from "./facts.js";

const TIERS = [
  ["memory", "Memory"],
  ["redis", "Redis"],
  ["mongodb", "MongoDB"],
  ["hubspot", "HubSpot"],
];

const LIMITS = [
  ["app", "In ten seconds"],
  ["search", "Searches in a second"],
  ["associations", "Associations in ten seconds"],
  ["daily", "In a day"],
];

/** The tiers in the order in which a read asks them. */
export function TiersPanel({ tiers }) {
  return html`<section class="panel wide" aria-labelledby="tiers">
    <h2 id="tiers">Tiers</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Table of the tiers">
      <table>
        <thead>
          <tr>
            <th scope="col">Tier</th>
            <th scope="col">State</th>
            <th scope="col" class="numeric">Hits</th>
            <th scope="col" class="numeric">p50</th>
            <th scope="col" class="numeric">p99</th>
          </tr>
        </thead>
        <tbody>
          ${TIERS.map(([key, label]) => html`<${TierRow} key=${key} label=${label} tier=${tiers[key]} />`)}
        </tbody>
      </table>
    </div>
    <p class="panel-link muted">p50 and p99: half, and 99 of 100, of the reads of the last minute took no longer.</p>
  </section>`;
}

function TierRow({ label, tier }) {
  if (tier === null) {
    return html`<tr>
      <th scope="row">${label}</th>
      <td colspan="4" class="muted">not set up</td>
    </tr>`;
  }
  return html`<tr>
    <th scope="row">${label}</th>
    <td><${TierState} ok=${tier.ok} /></td>
    <td class="numeric">${count(tier.hits)}</td>
    <td class="numeric">${latency(tier.p50_ms)}</td>
    <td class="numeric">${latency(tier.p99_ms)}</td>
  </tr>`;
}

function latency(value) {
  return value === null ? html`<span class="muted">no reads</span>` : milliseconds(value);
}

function TierState({ ok }) {
  if (ok === null) return html`<span class="muted">${UNKNOWN}</span>`;
  return ok ? html`<span class="badge good">answers</span>` : html`<span class="badge bad">does not answer</span>`;
}

/** How many calls HubSpot allows still. */
export function LimitsPanel({ limits }) {
  return html`<section class="panel" aria-labelledby="limits">
    <h2 id="limits">HubSpot's limits</h2>
    <p class="muted">Calls that are left</p>
    <div class="limits">
      ${LIMITS.map(([key, label]) => html`<${Limit} key=${key} label=${label} limit=${limits[key]} />`)}
    </div>
  </section>`;
}

function Limit({ label, limit }) {
  if (limit === null || limit.left === null || limit.limit === null) {
    return html`<${Gauge} label=${label} value=${null} text=${UNKNOWN} />`;
  }
  const share = limit.left / (limit.limit || 1);
  const tone = share <= 0.02 ? "bad" : share <= 0.1 ? "warn" : "";
  const text = `${count(limit.left)} of ${count(limit.limit)}`;
  return html`<${Gauge} label=${label} value=${limit.left} most=${limit.limit} text=${text} tone=${tone} />`;
}

/** The workers that live, and their releases. */
export function WorkersPanel({ status }) {
  const { workers } = status;
  return html`<section class="panel rest" aria-labelledby="workers">
    <h2 id="workers">Workers and versions</h2>
    ${workers === null
      ? html`<p class="muted">${UNKNOWN}</p>`
      : html`<div class="scroll" tabindex="0" role="region" aria-label="Table of the workers">
          <table>
            <thead>
              <tr>
                <th scope="col">Host</th>
                <th scope="col" class="numeric">Process</th>
                <th scope="col">Since</th>
                <th scope="col">Version</th>
              </tr>
            </thead>
            <tbody>
              ${workers.map(
                (one) => html`<tr key=${`${one.host} ${one.pid}`}>
                  <th scope="row">${one.host}</th>
                  <td class="numeric">${one.pid}</td>
                  <td><${Moment} at=${one.started_at} isRelative /></td>
                  <td>${one.version ?? UNKNOWN}</td>
                </tr>`,
              )}
            </tbody>
          </table>
        </div>`}
    <${VersionFacts} status=${status} />
  </section>`;
}
