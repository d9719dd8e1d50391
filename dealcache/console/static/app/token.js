/** The bearer token: kept for this tab alone, and asked for when the service wants one. */

import { Store } from "./store.js";

const KEY = "dealcache-token";

/** The token in use; null for none. */
export const token = new Store(sessionStorage.getItem(KEY));

/**
 * What is asked for; null for nothing. `right` is "read" or "admin"; `refused` is true if a token was given that was not
 * enough; `settle` is called with true once another token was entered, with false if none will be.
 */
export const asked = new Store(null);

token.watch((value) => (value === null ? sessionStorage.removeItem(KEY) : sessionStorage.setItem(KEY, value)));

/** Note that a read was refused for want of a token; the page goes on once there is one. */
export function needToken() {
  if (asked.value === null) asked.value = { right: "read", refused: token.value !== null, settle: () => {} };
}

/** Ask for a token that may change things; return a promise of true once one was entered, of false if none will be. */
export function askForAdminToken() {
  return new Promise((resolve) => {
    asked.value?.settle(false);
    asked.value = { right: "admin", refused: token.value !== null, settle: resolve };
  });
}

/** Take over what was entered; null: the person gave up. */
export function answer(value) {
  const { settle } = asked.value;
  asked.value = null;
  if (value !== null) token.value = value;
  settle(value !== null);
}
