/** The syncs that people can ask for, and the calls that ask for them. */

import { ApiError, change } from "../app/api.js";
import { say } from "../parts/announce.js";

const SYNC = "/api/hubspot/v2/sync";

/** The choices in their order: what each reads, and the call that it makes of what was entered. */
export const CHOICES = {
  changes: {
    label: "Changes",
    text: "What changed in HubSpot since the last sync. The usual one: seconds to minutes.",
    request: () => ({ path: SYNC, body: {} }),
  },
  everything: {
    label: "Everything",
    text: "Every deal with all its activities. Minutes to hours, by the size of the account and HubSpot’s limits.",
    request: () => ({ path: SYNC, body: { full: true } }),
  },
  stage: {
    label: "Stage",
    text: "The deals of one stage, with all their activities.",
    request: ({ stage }) => ({ path: SYNC, body: { stage } }),
  },
  deal: {
    label: "Deal",
    text: "One deal, with all its activities.",
    request: ({ deal }) => ({ path: SYNC, body: { deal } }),
  },
  days: {
    label: "Days",
    text: "The deals with an activity on, or a change of, some days.",
    request: ({ first, last, stage }) => ({
      path: `${SYNC}/${stage ? "stage" : "all-stages"}/date-range`,
      body: { ...(stage && { stage }), ...(first && { start_date: first }), ...(last && { end_date: last }) },
    }),
  },
};

/** The fields of the form by the names of the API's parameters, which its refusals bear. */
export const FIELD_OF = { stage: "stage", deal: "deal", start_date: "first", end_date: "last" };

/**
 * Ask for a sync, and say so if the service accepts it.
 *
 * @param {{path: string, body: Object}} request as of a choice.
 * @returns {Promise<{jobId: string|null, errors: Object<string, string>}>} `jobId` is null if it was not accepted;
 *   `errors` says why, by the form's fields, "" for what belongs to none.
 */
export async function ask({ path, body }) {
  try {
    const answer = await change(path, { method: "POST", body });
    if (answer === null) return { jobId: null, errors: {} }; // no token was given
    say(accepted(answer.data.message));
    return { jobId: answer.data.job_id, errors: {} };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { jobId: null, errors: errorsOf(error) };
  }
}

function accepted(message) {
  return / already\.$/.test(message) ? `${message} No second one is started.` : message;
}

function errorsOf(error) {
  if (error.status !== 422 || !error.problem.errors) return { "": error.message };
  const errors = {};
  for (const [name, reasons] of Object.entries(error.problem.errors)) {
    const field = FIELD_OF[name] ?? "";
    errors[field] = [errors[field], field === "" ? `${name}:` : "", ...[reasons].flat()]
      .filter(Boolean)
      .join(" ")
      .replace("start_date", "the first day"); // its name in the form
  }
  return errors;
}
