/** What is cached: keys, sorted and filtered by the server, page by page. */

import { html } from "../vendor/preact.js";
import { count, counted, duration } from "../app/format.js";
import { bytes } from "../app/measures.js";
import { address } from "../app/router.js";
import { Heading } from "../parts/sorting.js";
import { Empty } from "../parts/states.js";
import { useHeld } from "./holding.js";

/** What is cached of a deal, by the beginning of its keys. */
const VIEWS = [
  ["", "All"],
  ["timeline:", "Timelines"],
  ["activities_count:", "Activity counts"],
  ["info:", "Infos"],
];

const COLUMNS = [
  { by: "key", title: "Key" },
  { by: "age", title: "Age", numeric: true },
  { by: "remaining", title: "Time left", numeric: true },
  { by: "size", title: "Size", numeric: true, descending: true },
  { by: "hits", title: "Hits", numeric: true, descending: true },
];

/** The fields that filter; `field` is a reference to the one to write in. */
export function Filters({ prefix, onPrefix, field }) {
  const view = VIEWS.findLast(([start]) => prefix.startsWith(start))[0];
  return html`<form class="cache-filters" role="search" onSubmit=${(event) => event.preventDefault()}>
    <label for="search">Search</label>
    <input
      id="search"
      ref=${field}
      type="search"
      autocomplete="off"
      spellcheck=${false}
      dir="auto"
      value=${prefix}
      placeholder="timeline:Acme"
      aria-describedby="search-note"
      onInput=${(event) => onPrefix(event.target.value, { replace: true })}
    />
    <div class="cache-views" role="group" aria-label="Views">
      ${VIEWS.map(
        ([start, title]) => html`<button
          type="button"
          key=${start}
          aria-pressed=${start === view ? "true" : "false"}
          onClick=${() => onPrefix(start + prefix.slice(view.length))}
        >
          ${title}
        </button>`,
      )}
    </div>
    <p id="search-note" class="muted">Keys that begin with this, in the same case</p>
  </form>`;
}

/**
 * The table.
 *
 * @param {Object} newest what the service answered.
 * @param {{prefix: string, sort: string, cursor: string}} question what was asked for.
 * @param {(sort: string) => void} onSort takes another order.
 * @param {(name: string) => Promise} onClear clears what is cached of a name; resolved once that is done.
 */
export function Entries({ newest, question, onSort, onClear }) {
  const { shown: stats, isHeld, release, events } = useHeld(newest, JSON.stringify(question));
  const { entries, matching_entries: matching } = stats;
  const clear = (name) => onClear(name).then(release);
  if (entries.length === 0) return html`<${Nothing} stats=${stats} question=${question} />`;
  return html`
    <p class="muted">
      ${count(entries.length)} of ${counted(matching, "entry", "entries")}${question.prefix && " found"}${isHeld &&
      "; held while you are in the list"}
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="Table of the entries">
      <table class="cache-entries">
        <thead>
          <tr>
            ${COLUMNS.map(
              ({ title, ...column }) => html`<${Heading}
                key=${column.by}
                ...${column}
                sort=${question.sort}
                onSort=${onSort}
                >${title}</${Heading}
              >`,
            )}
            <th scope="col"><span class="cache-hidden">Actions</span></th>
          </tr>
        </thead>
        <tbody ...${events}>
          ${entries.map((entry, index) => {
            const id = `key-${index}`;
            return html`<${Entry} key=${entry.key} entry=${entry} id=${id} onClear=${clear} />`;
          })}
        </tbody>
      </table>
    </div>
  `;
}

function Entry({ entry, id, onClear }) {
  const split = entry.key.indexOf(":") + 1;
  const name = entry.key.slice(split);
  const link = entry.deal_id && address(`/deals/${encodeURIComponent(entry.deal_id)}`);
  return html`<tr>
    <th scope="row" id=${id}>
      <span class="cache-key" title=${entry.key}>
        <span class="muted">${entry.key.slice(0, split)}</span>
        ${link ? html`<a dir="auto" href=${link}>${name}</a>` : html`<span dir="auto">${name}</span>`}
      </span>
      ${!link && html`<span class="badge">not found</span>`}
    </th>
    <td class="numeric">${duration(Math.floor(entry.age_seconds))}</td>
    <td class="numeric">
      ${entry.is_expired
        ? html`<span class="badge warn" title="Kept in case every tier below fails">expired</span>`
        : duration(Math.ceil(entry.time_remaining_seconds))}
    </td>
    <td class="numeric">${bytes(entry.size_bytes)}</td>
    <td class="numeric">${count(entry.hits)}</td>
    <td class="numeric">
      <button type="button" aria-describedby=${id} onClick=${() => onClear(name)}>Clear</button>
    </td>
  </tr>`;
}

function Nothing({ stats, question }) {
  if (question.cursor) return html`<${Empty} title="There are no more entries." />`;
  if (!question.prefix || stats.total_entries === 0) {
    return html`<${Empty} title="Nothing is cached.">What is read is cached from then on.</${Empty}>`;
  }
  const starts = VIEWS.slice(1).map(([start]) => start);
  const isName = !starts.some((start) => question.prefix.startsWith(start));
  return html`<${Empty} title="No key begins with this.">
    ${isName
      ? html`<p>Keys begin with what they hold. Perhaps one of these:</p>
          <p class="cache-guesses">${starts.map((start) => html`<${Guess} prefix=${start + question.prefix} />`)}</p>`
      : html`<a href=${address("/cache")}>Show all</a>`}
  </${Empty}>`;
}

function Guess({ prefix }) {
  return html`<a dir="auto" href=${address("/cache", { prefix })}>${prefix}</a>`;
}
