/** The address at which the same sync can be started once more. */

import { address } from "../app/router.js";

/** Return the address of the dialog filled as for a job; null for one that comes by itself or cannot be repeated. */
export function restart(job) {
  const query = request(job);
  return query && address("/syncs", query);
}

function request({ type, deal, stage, start_date: first, end_date: last }) {
  switch (type) {
    case "incremental":
      return { start: "changes" };
    case "full":
      return { start: "everything" };
    case "stage":
      return { start: "stage", stage };
    case "deal":
    case "deal_date":
      return { start: "deal", deal };
    case "stage_dates":
    case "all_stages_date":
      return { start: "days", first, last, stage };
    default:
      return null;
  }
}
