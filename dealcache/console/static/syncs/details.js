/** One job with all that is known of it, at an address of its own. */

import { html } from "../vendor/preact.js";
import { count, duration } from "../app/format.js";
import { useLoad } from "../app/load.js";
import { Dialog } from "../parts/dialog.js";
import { Moment } from "../parts/moment.js";
import { Loaded } from "../parts/states.js";
import { hasEnded, readJob } from "./jobs.js";
import { Result, tookText } from "./past.js";
import { JobName, Standing, failureOf, phaseText, sentence } from "./words.js";

/** The dialog of a job; it follows one that runs. */
export function JobDialog({ jobId, onClose }) {
  const loading = useLoad((signal) => readJob(jobId, signal), jobId, { moves: (job) => !hasEnded(job) });
  return html`<${Dialog} title="A sync" onClose=${onClose}>
    <${Loaded} loading=${loading} what="the sync">${(job) => html`<${Details} job=${job} />`}</${Loaded}>
    <form method="dialog" class="buttons"><button>Close</button></form>
  </${Dialog}>`;
}

function Details({ job }) {
  const { progress } = job;
  const facts = [
    ["Asked for", html`<${Moment} at=${job.created_at} />`],
    ["Began", html`<${Moment} at=${job.started_at} />`],
    ["Ended", html`<${Moment} at=${job.finished_at} />`],
    ["Took", tookText(job)],
    ["Deals read", count(progress.deals_read)],
    ["Deals stored", count(progress.deals_written)],
    ["Deals changed", count(progress.deals_changed)],
    ["Activities read", count(progress.activities_read)],
    ["Activities stored", count(progress.activities_written)],
    ["Calls to HubSpot", count(progress.calls)],
    ["Waited for limits", duration(progress.waited_seconds)],
    ...(job.epoch0 ? [["Changes since", html`<${Moment} at=${job.epoch0} />`]] : []),
  ];
  const failure = failureOf(job);
  return html`<div class="syncs-details">
    <p><strong><${JobName} job=${job} /></strong></p>
    ${hasEnded(job)
      ? html`<${Result} job=${job} />`
      : html`<p><${Standing} job=${job} /> ${job.status === "queued" ? sentence(job.message || "waits for its turn") : phaseText(job)} ${failure}</p>`}
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <p class="muted">Id <code>${job.job_id}</code></p>
  </div>`;
}
