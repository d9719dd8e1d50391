/** Cache: what was read of it in the last minutes, how full it is, what is in it, and clearing it. */

import { html, useEffect, useRef } from "../vendor/preact.js";
import { call } from "../app/api.js";
import { useLoad } from "../app/load.js";
import { address, go, parameters, useRoute } from "../app/router.js";
import { useStatus } from "../app/service.js";
import { useKeys } from "../parts/keys.js";
import { Loaded } from "../parts/states.js";
import { clearAll, clearDeal } from "./clearing.js";
import { Entries, Filters } from "./entries.js";
import { MemoryPanel, TotalsPanel } from "./memory.js";
import { ReadsPanel } from "./reads.js";
import { NO_SAMPLES, TIERS, countersOf, look } from "./samples.js";

const PAGE = 50;
const ORDER = "age";

/** What was counted so far. It stays while other pages are looked at, and has a gap for that time. */
let known = NO_SAMPLES;

/** All reads at the last look, which tell whether anything moves. */
let reads = null;

/** The page. */
export function Page() {
  const { query } = useRoute();
  const of = (name) => query.get(name) ?? "";
  const question = { prefix: of("prefix"), sort: of("sort") || ORDER, cursor: of("cursor") };
  const asked = { ...question, limit: PAGE };
  const loading = useLoad((signal) => read(asked, signal), parameters(asked).toString(), { moves: (one) => one.moves });
  const search = useRef();
  useEffect(() => void (document.title = "Cache · dealcache"), []);
  useKeys({ "/": { does: "Search the entries", run: () => search.current.select() } });
  const ask = (change, how) => {
    const { prefix, sort } = { ...question, ...change };
    go("/cache", { prefix, sort: sort === ORDER ? null : sort }, how);
  };
  const clear = async (isDone) => (await isDone) && loading.reload();
  const total = loading.data?.stats.total_entries;
  return html`
    <div class="page-head">
      <h1>Cache</h1>
      <button
        type="button"
        class="danger"
        disabled=${total === undefined}
        onClick=${() => clear(clearAll(total))}
      >
        Clear all
      </button>
    </div>
    ${loading.error?.status === 422 && html`<p><a href=${address("/cache")}>Show the first page of all entries</a></p>`}
    <${Loaded} loading=${loading} what="the cache">${(data) => html`<${Numbers} ...${data} />`}</${Loaded}>
    <section class="panel ${loading.error && loading.data ? "stale" : ""}" aria-labelledby="entries">
      <h2 id="entries">Entries</h2>
      <${Filters} prefix=${question.prefix} field=${search} onPrefix=${(prefix, how) => ask({ prefix }, how)} />
      ${loading.data &&
      html`<${Entries}
          newest=${loading.data.stats}
          question=${question}
          onSort=${(sort) => ask({ sort })}
          onClear=${(name) => clear(clearDeal(name))}
        />
        <${Pages} question=${question} next=${loading.data.stats.next_cursor} />`}
    </section>
  `;
}

function Numbers({ stats, samples }) {
  const status = useStatus();
  const tiers = status?.tiers.redis === null ? WITHOUT_REDIS : TIERS;
  return html`
    <${ReadsPanel} samples=${samples} tiers=${tiers} />
    <div class="panels cache-panels">
      <${MemoryPanel} stats=${stats} />
      <${TotalsPanel} stats=${stats} tiers=${tiers} />
    </div>
  `;
}

const WITHOUT_REDIS = TIERS.filter(({ name }) => name !== "redis");

function Pages({ question, next }) {
  if (!question.cursor && !next) return html``;
  const to = (cursor) => address("/cache", { ...question, cursor });
  return html`<nav class="buttons" aria-label="Pages of entries">
    ${question.cursor && html`<a class="button" href=${to(null)}>First page</a>`}
    ${next && html`<a class="button" href=${to(next)}>Next page</a>`}
  </nav>`;
}

async function read(query, signal) {
  const { data: stats } = await call("/api/hubspot/cache-stats", { query, signal });
  known = look(known, countersOf(stats), Date.now());
  const before = reads;
  reads = stats.hits + stats.misses;
  return { stats, samples: known.samples, moves: before === null || before !== reads };
}
