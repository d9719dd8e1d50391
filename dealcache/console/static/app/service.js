/** What every page knows of the service: its release, its zone, its HubSpot account, the age of its data. */

import { html } from "../vendor/preact.js";
import { call } from "./api.js";
import { useLoad } from "./load.js";
import { Store, useStore } from "./store.js";

const STATUS = "/api/hubspot/status";

/** The newest status that any part of the page has read; null before the first. */
export const status = new Store(null);

/** Read the status, for whoever shows more of it than the store's last one. */
export async function readStatus(signal) {
  const { data } = await call(STATUS, { signal });
  status.value = data;
  return data;
}

/** Return the newest status, kept up to date while the page is seen. */
export function useStatus() {
  return useStore(status);
}

/** Keeps the status up to date; shown once, in the frame. */
export function StatusWatch() {
  useLoad(readStatus, STATUS, { moves: (one) => one.sync.running !== null });
  return html``;
}

/** Return the address of a deal in HubSpot; null while the account is not known. */
export function hubspotAddress(portalId, dealId) {
  return portalId ? `https://app.hubspot.com/contacts/${portalId}/record/0-3/${dealId}` : null;
}
