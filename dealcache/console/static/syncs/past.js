/** The syncs that have ended. */

import { html } from "../vendor/preact.js";
import { count, counted, duration } from "../app/format.js";
import { address } from "../app/router.js";
import { Moment } from "../parts/moment.js";
import { Empty } from "../parts/states.js";
import { advice } from "./advice.js";
import { PAGES } from "./jobs.js";
import { restart } from "./restart.js";
import { JobName, Standing, isByItself, sentence } from "./words.js";

const RESULTS = [
  ["", "All"],
  ["completed", "Completed"],
  ["failed", "Failed"],
  ["cancelled", "Cancelled"],
];

/** So many in a row that came by themselves and changed nothing are one line. */
const MANY = 3;

/**
 * The list.
 *
 * @param {Object} jobs as of JobReader.
 * @param {string} status of which result only; "" for all.
 * @param {boolean} isWhole true to show each one that came by itself and changed nothing.
 * @param {(changed: Object) => void} show changes the address.
 * @param {(limit: number) => void} more shows so many.
 */
export function Past({ jobs, status, isWhole, show, more }) {
  const { past, total, isEmpty } = jobs;
  const next = PAGES.find((one) => one > past.length);
  if (isEmpty) return html``;
  return html`<section class="panel syncs-past" aria-labelledby="syncs-past">
    <div class="syncs-line">
      <h2 id="syncs-past">Past</h2>
      <div class="syncs-filter" role="group" aria-label="Result">
        ${RESULTS.map(([key, label]) => html`<button key=${key} type="button" aria-pressed=${key === status ? "true" : "false"} onClick=${() => show({ status: key })}>${label}</button>`)}
      </div>
      <label class="syncs-whole">
        <input type="checkbox" checked=${isWhole} onChange=${() => show({ every: isWhole ? "" : "true" })} />
        Show those without changes
      </label>
    </div>
    ${past.length === 0 ? html`<${Empty} title="No sync ${status === "" ? "has ended yet" : `of the last 30 days ${ending(status)}`}." />` : html`<${Table} jobs=${past} isWhole=${isWhole} />`}
    <p class="syncs-more muted">
      ${count(past.length)} of ${counted(total, "sync")} of the last 30 days
      ${past.length < total && next && html`<button type="button" onClick=${() => more(next)}>Show more</button>`}
      ${past.length < total && !next && html`<span>, the newest: the API lists no more.</span>`}
    </p>
  </section>`;
}

function ending(status) {
  return status === "cancelled" ? "was cancelled" : status;
}

function Table({ jobs, isWhole }) {
  return html`<table class="syncs-table" role="table">
    <thead role="rowgroup">
      <tr role="row">
        <th scope="col" role="columnheader">Sync</th>
        <th scope="col" role="columnheader">Began</th>
        <th scope="col" role="columnheader">Took</th>
        <th scope="col" role="columnheader">Result</th>
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${(isWhole ? jobs.map((job) => [job]) : grouped(jobs)).flatMap((group) =>
        group.length < MANY
          ? group.map((job) => html`<${Row} key=${job.job_id} job=${job} />`)
          : [html`<${Quiet} key=${group.at(-1).job_id} jobs=${group} />`],
      )}
    </tbody>
  </table>`;
}

function Row({ job }) {
  return html`<tr role="row">
    <td role="cell"><a href=${address("/syncs", { job: job.job_id })}><${JobName} job=${job} /></a></td>
    <td role="cell" class="syncs-when"><${Moment} at=${job.started_at ?? job.created_at} /></td>
    <td role="cell" class="syncs-when">${tookText(job)}</td>
    <td role="cell"><${Result} job=${job} /></td>
  </tr>`;
}

function Quiet({ jobs }) {
  return html`<tr role="row" class="muted">
    <td role="cell">${count(jobs.length)} by themselves</td>
    <td role="cell" class="syncs-when" colspan="2"><${Moment} at=${jobs.at(-1).started_at} /> to <${Moment} at=${jobs[0].started_at} /></td>
    <td role="cell">Completed; nothing had changed.</td>
  </tr>`;
}

/** How a job ended: the reason in words and what to do, if it failed. */
export function Result({ job }) {
  const again = job.status === "completed" ? null : restart(job);
  return html`<div class="syncs-result">
    <${Standing} job=${job} />
    <div>
      ${job.error && html`<p class="bad" dir="auto">${job.error}</p>`}
      ${job.status === "failed" && html`<p>${advice(job.error ?? "")}</p>`}
      ${job.message && html`<p class=${job.error ? "muted" : ""}>${sentence(job.message)}</p>`}
      ${job.warnings.length > 0 && html`<${Warnings} warnings=${job.warnings} />`}
      ${again && html`<p><a href=${again}>Start again</a></p>`}
    </div>
  </div>`;
}

function Warnings({ warnings }) {
  return html`<details>
    <summary class="warn">${counted(warnings.length, "warning")}</summary>
    <ul>${warnings.map((one) => html`<li dir="auto">${one}</li>`)}</ul>
  </details>`;
}

/** Return how long a job took; a dash if it never began. */
export function tookText(job) {
  return duration(job.started_at && job.finished_at ? (new Date(job.finished_at) - new Date(job.started_at)) / 1_000 : null);
}

/** Return the jobs in groups: those in a row that came by themselves and changed nothing together, others alone. */
function grouped(jobs) {
  const groups = [];
  for (const job of jobs) {
    const last = groups.at(-1);
    if (last && isQuiet(job) && isQuiet(last[0])) last.push(job);
    else groups.push([job]);
  }
  return groups;
}

function isQuiet(job) {
  return isByItself(job) && job.status === "completed" && job.progress.deals_changed === 0 && job.warnings.length === 0;
}
