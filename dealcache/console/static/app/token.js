/** The bearer token: kept for this tab alone, and asked for when the service wants one. */

import { Store } from "./store.js";

const KEY = "dealcache-token";

/** The token in use; null for none. */
export const token = new Store(sessionStorage.getItem(KEY));

/**
 * What is asked for; null for nothing. `right` is "read" or "admin"; `refused` says why the last one was not enough, ""
 * if there was none; `settle` is called with what was entered, null if nothing will be.
 */
export const asked = new Store(null);

const WRONG = "The last token was refused: it is wrong or expired.";
const NOT_ENOUGH = "The token in use is good for reading alone.";

token.watch((value) => (value === null ? sessionStorage.removeItem(KEY) : sessionStorage.setItem(KEY, value)));

/** Note that a read was refused for want of a token; the page goes on once there is one. */
export function needToken() {
  if (asked.value !== null) return;
  const settle = (value) => value !== null && (token.value = value);
  asked.value = { right: "read", refused: token.value === null ? "" : WRONG, settle };
}

/**
 * Ask for a token that may change things. Only once it has proved to be enough it takes the place of the one in use,
 * with which the page goes on reading.
 *
 * @param {string|null} refused the token that was not enough; null for none.
 * @param {boolean} isKnown true if the service knows it.
 * @returns {Promise<string|null>} what was entered; null if nothing will be.
 */
export function askForAdminToken(refused, isKnown) {
  return new Promise((resolve) => {
    asked.value?.settle(null);
    asked.value = { right: "admin", refused: refused === null ? "" : isKnown ? NOT_ENOUGH : WRONG, settle: resolve };
  });
}

/** Take over what was entered; null: the person gave up. */
export function answer(value) {
  const { settle } = asked.value;
  asked.value = null;
  settle(value);
}
