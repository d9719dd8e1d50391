/** Reading the list: one request at a time, of those that wait the last one alone. */

import { call } from "../app/api.js";

/** Milliseconds that a request waits for the one before: longer ones hang, and are given up. */
const LONGEST = 5_000;

let present = Promise.resolve();

/**
 * Read a page of deals. What is being read already is waited for, not broken off: the service would go on with it, and
 * letters typed quickly would have it answer many questions at a time of which nobody wants to know all but one.
 *
 * @param {Object} query the parameters.
 * @param {AbortSignal} signal ends the wait; a request that has begun goes on.
 * @returns {Promise<Object>} the answer.
 */
export async function readDeals(query, signal) {
  await Promise.race([present, new Promise((resolve) => setTimeout(resolve, LONGEST))]);
  signal.throwIfAborted();
  const asked = call("/api/hubspot/v2/deal-list", { query });
  present = Promise.allSettled([asked]);
  return (await asked).data;
}
