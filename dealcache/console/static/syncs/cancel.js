/** Cancelling a job, after asking. */

import { ApiError, change } from "../app/api.js";
import { say } from "../parts/announce.js";
import { confirmed } from "../parts/dialog.js";
import { isByItself, jobText } from "./words.js";

/**
 * Ask whether to cancel a job, and do it.
 *
 * @param {Object} job the job.
 * @returns {Promise<boolean>} true if the service was asked to.
 */
export async function cancel(job) {
  const title = `Cancel “${jobText(job)}”?`;
  if (!(await confirmed({ title, text: consequence(job), action: "Cancel sync", isDangerous: true }))) return false;
  try {
    const path = `/api/hubspot/v2/sync/cancel/${encodeURIComponent(job.job_id)}`;
    const answer = await change(path, { method: "POST" });
    if (answer) say(answer.data.message);
    return answer !== null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(error.message, { isBad: true });
    return true; // it may have ended meanwhile
  }
}

function consequence(job) {
  const what =
    job.status === "queued" && job.progress.calls === 0
      ? "It will not run."
      : "It stops within seconds. What it has stored stays; deals that it has not reached stay as old as they are.";
  return isByItself(job) ? `${what} Later syncs by themselves are not affected.` : what;
}
