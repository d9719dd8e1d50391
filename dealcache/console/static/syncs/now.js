/** What runs, what waits, and what comes by itself. */

import { html } from "../vendor/preact.js";
import { count, duration, when } from "../app/format.js";
import { percent } from "../app/measures.js";
import { address } from "../app/router.js";
import { useStatus } from "../app/service.js";
import { useNow } from "../parts/frame.js";
import { Moment } from "../parts/moment.js";
import { cancel } from "./cancel.js";
import { FirstSync } from "./first.js";
import { NextOne } from "./next.js";
import { JobName, Standing, failureOf, jobText, phaseText, sentence } from "./words.js";

/** The present: `jobs` as of JobReader; `refresh` reads them again. */
export function Now({ jobs, refresh }) {
  const status = useStatus();
  const now = useNow();
  const { running, queued, queuedInAll } = jobs;
  return html`<section class="panel syncs-now" aria-labelledby="syncs-now">
    <h2 id="syncs-now">Now</h2>
    ${jobs.isEmpty && html`<${FirstSync} status=${status} refresh=${refresh} />`}
    ${running.map((job) => html`<${Running} key=${job.job_id} job=${job} status=${status} now=${now} refresh=${refresh} />`)}
    ${running.length === 0 && !jobs.isEmpty && html`<p>No sync runs.</p>`}
    ${queued.length > 0 &&
    html`<ul class="syncs-queue" aria-label="Waiting syncs">
      ${queued.map((job) => html`<${Queued} key=${job.job_id} job=${job} isBehind=${running.length > 0} now=${now} refresh=${refresh} />`)}
    </ul>`}
    ${queuedInAll > queued.length && html`<p class="muted">${count(queued.length)} of ${count(queuedInAll)} that wait.</p>`}
    <${NextOne} status=${status} now=${now} />
  </section>`;
}

function Running({ job, status, now, refresh }) {
  const { progress } = job;
  const failure = failureOf(job);
  const isFirst = status?.sync.last_full_at === null && ["full", "incremental", "scheduled"].includes(job.type);
  return html`<article class="syncs-job" aria-label="${jobText(job)}, running">
    <div class="syncs-line">
      <a href=${address("/syncs", { job: job.job_id })}><${JobName} job=${job} /></a>
      <${Standing} job=${job} isLimited=${job.isLimited || isHeldUp(job, status)} />
      <${CancelButton} job=${job} refresh=${refresh} />
    </div>
    <div class="syncs-progress">
      <${Bar} key=${progress.percent === null} percent=${progress.percent} label="Progress of ${jobText(job)}" />
      <span class="syncs-percent">${progress.percent === null ? "" : percent(progress.percent / 100)}</span>
    </div>
    <p>
      ${phaseText(job)}${" "}
      ${progress.seconds_left > 0 && html`<span class="muted">About ${duration(Math.ceil(progress.seconds_left))} left.</span>`}
    </p>
    ${failure && html`<p class="warn">${failure} – it is tried again by itself.</p>`}
    ${job.cancelled && html`<p class="warn">It was cancelled, and stops within seconds.</p>`}
    ${isFirst && html`<p>Nothing was read completely yet: <a href=${address("/deals")}>Deals</a> shows what is stored so far.</p>`}
    <dl class="facts">
      <div><dt>Deals</dt><dd>${count(Math.max(progress.deals_read, progress.deals_written))}</dd></div>
      <div><dt>Activities</dt><dd>${count(Math.max(progress.activities_read, progress.activities_written))}</dd></div>
      <div><dt>Calls to HubSpot</dt><dd>${count(progress.calls)}</dd></div>
      <div>
        <dt title="Added up over the calls that wait at the same time">Waited for limits</dt>
        <dd>${duration(progress.waited_seconds)}</dd>
      </div>
      <div><dt>Began</dt><dd><${Moment} at=${job.started_at} /></dd></div>
      <div><dt>Runs for</dt><dd>${duration(Math.max(0, Math.round((now - new Date(job.started_at)) / 1_000)))}</dd></div>
    </dl>
  </article>`;
}

/** A bar; a new one is made whenever it becomes known or unknown how far the job is: a value cannot be taken away. */
function Bar({ percent, label }) {
  const value = percent === null ? {} : { value: percent };
  return html`<progress max="100" aria-label=${label} ...${value}></progress>`;
}

/** Return true if a job makes no calls, and one of HubSpot's limits has none left. */
function isHeldUp(job, status) {
  return job.isStill && Object.values(status?.hubspot_limits ?? {}).some((limit) => limit?.left === 0);
}

function Queued({ job, isBehind, now, refresh }) {
  const isLater = new Date(job.due_at).getTime() > now;
  const why = job.message
    ? sentence(job.message)
    : isLater
      ? html`Begins <${Moment} at=${job.due_at} />.`
      : isBehind
        ? "Begins when the one before it has ended."
        : "Begins in a moment.";
  return html`<li class="syncs-line">
    <a href=${address("/syncs", { job: job.job_id })}><${JobName} job=${job} /></a>
    <${Standing} job=${job} />
    <span class="muted">${why} Asked for ${when(job.created_at)}.</span>
    <${CancelButton} job=${job} refresh=${refresh} />
  </li>`;
}

function CancelButton({ job, refresh }) {
  if (job.cancelled) return html``;
  const press = async () => (await cancel(job)) && refresh();
  return html`<button type="button" class="syncs-cancel" title="Cancel ${jobText(job)}" onClick=${press}>Cancel</button>`;
}
