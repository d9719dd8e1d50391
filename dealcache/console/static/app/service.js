/** What every page knows of the service: its release, its zone, its HubSpot account, the age of its data. */

import { html, useEffect } from "../vendor/preact.js";
import { call } from "./api.js";
import { useLoad } from "./load.js";
import { Store, useStore } from "./store.js";

const STATUS = "/api/hubspot/status";

/** Milliseconds after which the status is given up: it comes within 20 whatever is down, or the service hangs. */
const LONGEST = 5_000;

/** The newest status that any part of the page has read, with `receivedAt`, when that was; null before the first. */
export const status = new Store(null);

/** What useLoad says of it: why there is no newer one, and how to ask again. */
const statusLoading = new Store({ data: null, error: null, isLoading: false, isStale: false, reload: () => {} });

async function readStatus(signal) {
  const { data } = await call(STATUS, { signal, longest: LONGEST });
  status.value = { ...data, receivedAt: Date.now() };
  return status.value;
}

/** Return the newest status, kept up to date while the page is seen. */
export function useStatus() {
  return useStore(status);
}

/** Return what useLoad says of the status. */
export function useStatusLoading() {
  return useStore(statusLoading);
}

/** Ask for the status now, and soon again if it moves: for whoever knows that it has changed. */
export function reloadStatus() {
  statusLoading.value.reload();
}

/** Return how old the data is at a moment, in seconds, by the service's own clock; null while that is unknown. */
export function dataAge(one, now) {
  if (one === null || one.data.age_seconds === null) return null;
  return one.data.age_seconds + Math.max(0, now - one.receivedAt) / 1_000;
}

/** Keeps the status up to date; shown once, in the frame. */
export function StatusWatch() {
  const loading = useLoad(readStatus, STATUS, { moves });
  useEffect(() => {
    statusLoading.value = loading;
  });
  return html``;
}

/** Return true if the status will change soon: a sync runs or waits, or something is down or not yet known. */
function moves(one) {
  const { sync, data, tiers } = one;
  const isSettled = Object.values(tiers).every((tier) => tier === null || tier.ok) && data.deals !== null;
  return sync.running !== null || sync.queued > 0 || !isSettled;
}

/** Return the address of a deal in HubSpot; null while the account is not known. */
export function hubspotAddress(portalId, dealId) {
  return portalId ? `https://app.hubspot.com/contacts/${portalId}/record/0-3/${dealId}` : null;
}
