/** Jobs in words. */

import { html } from "../vendor/preact.js";
import { day, when } from "../app/format.js";

/** What a running job does, by the phase that the API names. */
const PHASES = {
  waiting: "begins",
  "finding the deals": "finds the deals",
  "deals and their activities": "reads deals and their activities",
  "changed deals": "reads the deals that changed",
  "changed activities": "reads the activities that changed",
  "what is no longer there": "lets go what HubSpot has no longer",
  "archived records": "looks for what was archived",
  "associations of other deals": "looks at which activities belong to which deal",
};

/** Failures that are none: HubSpot's limits are used up, and more calls come by themselves. */
const LIMITED = /limit of the day|rate limit/;

const AFTER_FAILURE = "waiting after a failure: ";

/** Return true if nobody asked for a job. */
export function isByItself(job) {
  return job.type === "scheduled" || job.type === "confirm";
}

/** Return what a job syncs: words, and a name of HubSpot's, which may be null. */
function scope(job) {
  switch (job.type) {
    case "full":
      return ["Everything", null, ""];
    case "incremental":
      return ["Changes", null, ""];
    case "scheduled":
      return ["Changes", null, ", by itself"];
    case "confirm":
      return ["Changes", null, ", a second look by itself"];
    case "since":
      return ["Changes", null, job.epoch0 ? ` since ${when(job.epoch0)}` : " of the last days"];
    case "stage":
    case "stage_dates":
      return ["Stage", job.stage, days(job, ", ")];
    case "deal":
    case "deal_date":
      return ["Deal", job.deal, days(job, ", because of ")];
    case "all_stages_date":
      return ["Days", null, days(job, " ")];
    default:
      return [job.type, null, ""];
  }
}

function days({ start_date: first, end_date: last }, before) {
  if (!first) return "";
  return before + (first === last ? day(first) : `${day(first)} to ${day(last)}`);
}

/** Return what a job syncs as one text. */
export function jobText(job) {
  const [what, name, rest] = scope(job);
  return what + (name === null ? "" : ` ${name}`) + rest;
}

/** What a job syncs; names of any script stand by themselves. */
export function JobName({ job }) {
  const [what, name, rest] = scope(job);
  return html`<span class="job-name">${what}${name !== null && html` <bdi>${name}</bdi>`}${rest}</span>`;
}

/** Return how a job has ended as a sentence. */
export function outcome(job) {
  const more = job.error ? "The list of past syncs says why." : sentence(job.message);
  return `${jobText(job)}: ${job.status}. ${more}`;
}

/** Return a text of the API as a sentence. */
export function sentence(text) {
  if (!text) return "";
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/** Return the failure after which a running job waits before it tries again; null if it does not. */
export function failureOf(job) {
  const { phase } = job.progress;
  return phase.startsWith(AFTER_FAILURE) ? phase.slice(AFTER_FAILURE.length) : null;
}

/** Return what a running job does at present. */
export function phaseText(job) {
  return sentence(failureOf(job) ? "waits before it tries again" : (PHASES[job.progress.phase] ?? job.progress.phase));
}

/** Where a job stands: a word in a colour. `isLimited`: HubSpot's limits hold it up. */
export function Standing({ job, isLimited = false }) {
  const [word, tone] = standing(job, isLimited);
  return html`<span class="badge ${tone}">${word}</span>`;
}

function standing(job, isLimited) {
  if (job.status === "completed") return ["Completed", "good"];
  if (job.status === "failed") return ["Failed", "bad"];
  if (job.status === "cancelled") return ["Cancelled", "muted"];
  if (job.cancelled) return ["Stopping", "warn"];
  if (job.status === "queued") return ["Waiting", "muted"];
  const failure = failureOf(job);
  if (failure && !LIMITED.test(failure)) return ["Trying again", "warn"];
  return failure || isLimited ? ["Waiting for HubSpot’s limits", "warn"] : ["Running", "good"];
}
