/** The jobs as the page needs them: those that run or wait at each look, the past ones only when they may differ. */

import { call } from "../app/api.js";

const JOBS = "/api/hubspot/v2/sync/jobs";

/** How many past jobs are shown at first, then, and at most: the API lists no more. */
export const FIRST_PAGE = 50;
export const PAGES = [FIRST_PAGE, 200, 1_000];

/** The past is read again after so many milliseconds, or as soon as a job has begun or ended. */
const PAST_LASTS = 14_000;

/** A job that begins later than this, in milliseconds, is not looked at every other second. */
const SOON = 15_000;

/** Seconds of waiting for limits between two looks from which on a job counts as waiting for them. */
const WAITED = 0.2;

const FINAL = new Set(["completed", "failed", "cancelled"]);

/** Return true if a job has ended. */
export function hasEnded(job) {
  return FINAL.has(job.status);
}

/** Reads the jobs again and again, and notices what is different from the look before. */
export class JobReader {
  #past = null;
  #before = new Map();

  /** Have the past ones read again at the next look: one may have begun and ended since. */
  forget() {
    this.#past = null;
  }

  /**
   * Read the jobs.
   *
   * @param {string} status of the past ones only those that ended so; "" for all.
   * @param {number} limit at most so many past ones.
   * @param {AbortSignal} signal ends it.
   * @returns {Promise<{running: Object[], queued: Object[], past: Object[], total: number, isEmpty: boolean,
   *   ended: Object[], moves: boolean}>} `total` past ones in all; `ended` since the look before; `isEmpty`: there is no
   *   job at all.
   */
  async read(status, limit, signal) {
    const [running, queued] = await Promise.all([list("running", 10, signal), list("queued", 100, signal)]);
    const active = [...running.jobs, ...queued.jobs];
    const key = JSON.stringify([status, limit, active.map((job) => [job.job_id, job.status])]);
    if (this.#past?.key !== key || performance.now() - this.#past.at > PAST_LASTS) {
      const asked = status === "" ? Math.min(limit + active.length, PAGES.at(-1)) : limit;
      const found = await list(status, asked, signal);
      const unfinished = status === "" ? running.total_jobs + queued.total_jobs : 0;
      const past = found.jobs.filter(hasEnded).slice(0, limit);
      this.#past = { key, at: performance.now(), past, total: Math.max(past.length, found.total_jobs - unfinished) };
    }
    const { past, total } = this.#past;
    const ended = await this.#ended(active, past, signal);
    const now = running.jobs.map((job) => ({ ...job, ...this.#pace(job) }));
    this.#before = new Map(active.map((job) => [job.job_id, job]));
    return {
      running: now,
      queued: queued.jobs.toReversed(), // in their turn
      queuedInAll: queued.total_jobs,
      past,
      total,
      isEmpty: status === "" && active.length === 0 && total === 0,
      ended,
      moves: running.total_jobs > 0 || queued.jobs.some((job) => new Date(job.due_at) - Date.now() < SOON),
    };
  }

  async #ended(active, past, signal) {
    const present = new Set(active.map((job) => job.job_id));
    const gone = [...this.#before.keys()].filter((id) => !present.has(id));
    const known = new Map(past.map((job) => [job.job_id, job]));
    const found = await Promise.all(gone.map((id) => known.get(id) ?? readJob(id, signal)));
    return found.filter(hasEnded);
  }

  /** Return whether the calls of a job have waited for HubSpot's limits since the look before, and if there were none. */
  #pace({ job_id: id, progress }) {
    const before = this.#before.get(id)?.progress;
    return {
      isLimited: before !== undefined && progress.waited_seconds - before.waited_seconds > WAITED,
      isStill: before?.calls === progress.calls,
    };
  }
}

/** Read one job. */
export async function readJob(jobId, signal) {
  return (await call(`/api/hubspot/v2/sync/status/${encodeURIComponent(jobId)}`, { signal })).data;
}

async function list(status, limit, signal) {
  return (await call(JOBS, { query: { status, limit }, signal })).data;
}
