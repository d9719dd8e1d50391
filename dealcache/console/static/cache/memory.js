/** How full the memory tier is, and which tiers have answered since the workers started. */

import { html } from "../vendor/preact.js";
import { count, duration } from "../app/format.js";
import { bytes, percent } from "../app/measures.js";
import { Gauge } from "../parts/gauge.js";

/** The size against its bound, and what was given up for it. */
export function MemoryPanel({ stats }) {
  const { size_bytes: size, max_bytes: most, workers_missing: missing } = stats;
  const text = `${bytes(size)} of ${bytes(most)}`;
  return html`<section class="panel" aria-labelledby="memory">
    <h2 id="memory">Memory</h2>
    <${Gauge} label="Used" value=${size} most=${most} text=${text} tone=${size > 0.95 * most ? "warn" : ""} />
    <dl class="facts">
      <div><dt>Entries</dt><dd>${count(stats.total_entries)}</dd></div>
      <div><dt>Evictions</dt><dd>${count(stats.evictions)}</dd></div>
      <div><dt>Kept for</dt><dd>${duration(stats.cache_ttl_seconds)}</dd></div>
      <div><dt>Workers</dt><dd>${count(stats.workers)}</dd></div>
    </dl>
    ${!stats.complete && html`<p class="warn cache-note">${incomplete(missing)}</p>`}
  </section>`;
}

function incomplete(missing) {
  if (missing.length === 0) return "Perhaps not all workers are counted.";
  return `Workers that are not counted: ${missing.join(", ")}.`;
}

/** Which tiers have answered, in all. */
export function TotalsPanel({ stats, tiers }) {
  const all = stats.hits + stats.misses;
  const share = (value) => (all === 0 ? null : value / all);
  const failed = stats.misses - stats.tiers.mongodb.hits - stats.tiers.hubspot.hits;
  return html`<section class="panel" aria-labelledby="totals">
    <h2 id="totals">Since the workers started</h2>
    <p class="cache-ratio">${percent(share(stats.hits))} <small>hit ratio of ${count(all)} reads</small></p>
    <table>
      <thead>
        <tr>
          <th scope="col">Answered by</th>
          <th scope="col" class="numeric">Reads</th>
          <th scope="col" class="numeric">Share</th>
        </tr>
      </thead>
      <tbody>
        ${tiers.map(({ name, title }) => {
          const value = stats.tiers[name].hits;
          return html`<${Total} key=${name} title=${title} value=${value} share=${share} />`;
        })}
        <${Total} title="None: failed" value=${failed} share=${share} />
      </tbody>
    </table>
  </section>`;
}

function Total({ title, value, share }) {
  return html`<tr>
    <th scope="row">${title}</th>
    <td class="numeric">${count(value)}</td>
    <td class="numeric">${percent(share(value))}</td>
  </tr>`;
}
