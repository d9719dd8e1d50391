/** The deals: search, filters, the pipelines at a glance, and a table that the server sorts. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { useLoad } from "../app/load.js";
import { parameters, route } from "../app/router.js";
import { status } from "../app/service.js";
import { errorsOf } from "../parts/fields.js";
import { useKeys } from "../parts/keys.js";
import { OWN, readProperties } from "../parts/properties.js";
import { readStages } from "../parts/stages.js";
import { Empty, Loaded } from "../parts/states.js";
import { Filters, SHOWN } from "./filters.js";
import { OwnProperties } from "./own.js";
import { USUAL_SORT, isFiltered, parametersOf, questionOf, useQuestion, withoutFilters } from "./question.js";
import { readDeals } from "./reading.js";
import { Results } from "./results.js";
import { readSummary } from "./stages.js";
import { useSteady } from "./steady.js";
import { Summary } from "./summary.js";
import { moveRow } from "./table.js";

/** From this width on there is room for filters and bars beside the list from the start. */
const ROOMY = "(min-width: 60rem)";

/** What is open on the page, as the reader left it. */
const open = { filters: matchMedia(ROOMY).matches, summary: matchMedia(ROOMY).matches, properties: false };

/** While it is not known which own properties there are, and where there are none. */
const NONE_OWN = [];

/** Names of owners that were in lists so far. */
const owners = new Set();

/** The page. */
export function Page() {
  const { question, ask, turn } = useQuestion();
  const query = parametersOf(question);
  const key = keyOf(question);
  const loading = useLoad((signal) => readList(query, key, signal), key, { moves: isFirstSync });
  const stages = useLoad(readStages, "stages");
  const summary = useLoad(readSummary, "summary", { moves: isFirstSync });
  const steady = useSteady(loading.data, key);
  const properties = useLoad(readProperties, "properties").data ?? NONE_OWN;
  const own = properties.filter((one) => one.indexed).map((one) => OWN + one.name);
  const errors = errorsOf(loading.error, new Set([...SHOWN, ...own]));
  const clear = () => ask(withoutFilters(question));
  const search = useRef();
  useEffect(() => void (document.title = "Deals · dealcache"), []);
  useKeys({
    "/": { does: "Search; Enter leads on to the deals", run: () => search.current.select() },
    j: { does: "Next deal", run: useNext(steady.page) },
    k: { does: "Previous deal", run: () => moveRow(-1) },
  });
  const known = stages.data ?? [];
  return html`
    <div class="page-head deals-head">
      <h1>Deals</h1>
      <${Search} field=${search} value=${question.q} error=${errors?.q} onWrite=${(q) => ask({ q }, { replace: true })} />
      ${isFiltered(question) && html`<button type="button" onClick=${clear}>Clear filters</button>`}
    </div>
    <div class="deals-panels" hidden=${steady.page?.total === 0 && !isFiltered(question)}>
      <${Part} name="filters" title="Filters" hasErrors=${errors !== null}>
        <${Filters} question=${question} stages=${known} owners=${[...owners]} errors=${errors ?? {}} ask=${ask} />
      </${Part}>
      ${properties.length > 0 &&
      html`<${Part} name="properties" title="Own properties" hasErrors=${own.some((name) => errors?.[name])}>
        <${OwnProperties} properties=${properties} question=${question} errors=${errors ?? {}} ask=${ask} />
      </${Part}>`}
      <${Part} name="summary" title="Pipeline" note="all deals">
        <${Summary} loading=${summary} stages=${known} words=${question.stage} onChange=${(stage) => ask({ stage })} />
      </${Part}>
    </div>
    ${loading.error?.problem?.errors?.cursor
      ? html`<${Empty} title="There is no such page of this list.">
          <button type="button" onClick=${() => ask({})}>Show the first page</button>
        </${Empty}>`
      : loading.error?.problem?.errors?.sort
        ? html`<${Empty} title="Deals cannot be sorted like this.">
            <p>${loading.error.problem.errors.sort}</p>
            <button type="button" onClick=${() => ask({ sort: USUAL_SORT })}>Show the newest first</button>
          </${Empty}>`
      : errors
        ? html`<${Refused} clear=${clear} />`
        : html`<${Loaded} loading=${{ ...loading, data: steady.page }} what="deals">
            ${(page) =>
              html`<${Results}
                ...${steady}
                question=${question}
                properties=${properties}
                isCurrent=${page.key === key}
                ask=${ask}
                turn=${turn}
                clear=${clear}
              />`}
          </${Loaded}>`}
  `;
}

function Refused({ clear }) {
  return html`<${Empty} title="These filters cannot be applied.">
    <p>What is wrong stands beside the fields.</p>
    <button type="button" onClick=${clear}>Show all deals</button>
  </${Empty}>`;
}

function Search({ field, value, error, onWrite }) {
  return html`<form class="deals-search" role="search" onSubmit=${(event) => event.preventDefault()}>
    <label for="search">Search</label>
    <input
      id="search"
      ref=${field}
      type="search"
      maxlength="512"
      autocomplete="off"
      spellcheck=${false}
      placeholder="Words of the name"
      value=${value}
      aria-describedby=${error ? "search-error" : null}
      onInput=${(event) => onWrite(event.target.value)}
    />
    ${error && html`<p id="search-error" class="bad" role="alert">${error}</p>`}
  </form>`;
}

/** A part of the page that can be closed, and is opened when something in it is wrong. */
function Part({ name, title, note = "", hasErrors = false, children }) {
  const [isOpen, setOpen] = useState(open[name]);
  const onToggle = (event) => setOpen((open[name] = event.target.open));
  return html`<details class="panel deals-part" open=${isOpen || hasErrors} onToggle=${onToggle}>
    <summary><h2>${title}</h2>${note && html` <span class="muted">${note}</span>`}</summary>
    ${children}
  </details>`;
}

/** Return what leads to the next row; while another list is on its way, to that one's first row once it is there. */
function useNext(page) {
  const isWanted = useRef(false);
  // By the address: it is newer than what was drawn when Enter follows the last letter at once.
  const isThere = () => page?.key === keyOf(questionOf(route().query));
  const run = () => {
    isWanted.current = !isThere();
    if (!isWanted.current) moveRow(1);
  };
  useEffect(() => void (isWanted.current && isThere() && run()));
  return run;
}

function keyOf(question) {
  return parameters(parametersOf(question)).toString();
}

async function readList(query, key, signal) {
  const data = await readDeals(query, signal);
  for (const deal of data.deals) if (deal.owner) owners.add(deal.owner);
  return { ...data, key };
}

/** Return true while a sync runs and there was nothing yet: then the first deals are shown soon. */
function isFirstSync(data) {
  return status.value?.sync.running != null && (data.total ?? data.length) === 0;
}
