/** All calls to the service go through here: tokens, errors in words, and whether there is a connection at all. */

import { parameters } from "./router.js";
import { Store } from "./store.js";
import { askForAdminToken, needToken, token } from "./token.js";

const BASE = document.documentElement.dataset.base;

/** Milliseconds after which a call is given up: a refresh waits 15 s for HubSpot, a large account's first list some. */
const LONGEST = 60_000;

/** False while the service cannot be reached. */
export const online = new Store(true);

/** Why a call failed, in words for people. `status` is 0 if there was no answer at all. */
export class ApiError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.title || `The service answered ${status}.`);
    this.status = status;
    this.problem = problem;
    this.requestId = problem.request_id ?? null;
    this.retryAfter = retryAfter;
  }
}

/**
 * Call the service.
 *
 * @param {string} path the path, such as "/api/hubspot/status".
 * @param {Object} [how]
 * @param {string} [how.method] the HTTP method, GET unless given.
 * @param {Object} [how.query] the parameters, as for address in router.js.
 * @param {Object} [how.body] what is sent as JSON.
 * @param {Object} [how.headers] more header fields.
 * @param {string|null} [how.bearer] another token than the one in use.
 * @param {number} [how.longest] milliseconds after which it is given up, a minute unless given.
 * @param {AbortSignal} [how.signal] ends the call.
 * @returns {Promise<{data: any, headers: Headers, milliseconds: number}>}
 * @throws {ApiError} the service refused, failed or could not be reached.
 * @throws {DOMException} named AbortError: the signal ended it.
 */
export async function call(path, how = {}) {
  const began = performance.now();
  const response = await send(path, how);
  const milliseconds = performance.now() - began;
  if (!response.ok) throw await failure(response);
  return { data: await content(response, how.signal), headers: response.headers, milliseconds };
}

/**
 * Call the service to change something. If the token is not enough, another one is asked for.
 *
 * @returns {Promise<Object|null>} as of call; null if the person gave no token.
 */
export async function change(path, how = {}) {
  let bearer = token.value;
  for (let given = null; ; ) {
    try {
      const answer = await call(path, { ...how, bearer });
      if (given !== null) token.value = given;
      return answer;
    } catch (error) {
      const isRefusal = [401, 403].includes(error.status) && !error.isForeignPage;
      // What is wrong with the request itself is only said to whom may make it.
      if (given !== null && !isRefusal && error.status >= 400 && error.status < 500) token.value = given;
      if (!isRefusal) throw error;
      given = await askForAdminToken(bearer, error.status === 403);
      if (given === null) return null;
      bearer = given;
    }
  }
}

/** Return the address of something to download, for a service without a token. */
export function downloadAddress(path, query) {
  return `${BASE}${path}?${parameters(query)}`;
}

/**
 * Save an answer as a file. With a token the browser cannot fetch it by a link alone.
 *
 * @param {string} path the path.
 * @param {Object} query the parameters.
 * @param {string} name the file's name.
 */
export async function download(path, query, name) {
  const response = await send(path, { query });
  if (!response.ok) throw await failure(response);
  const url = URL.createObjectURL(await response.blob());
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function send(path, { method = "GET", query = {}, body, headers = {}, bearer = token.value, longest = LONGEST, signal }) {
  const search = parameters(query).toString();
  const timeout = AbortSignal.timeout(longest);
  try {
    const response = await fetch(BASE + path + (search && `?${search}`), {
      method,
      headers: {
        ...headers,
        ...(bearer === null ? {} : { Authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    online.value = true;
    if (response.status === 401 && method === "GET") needToken();
    return response;
  } catch (error) {
    if (signal?.aborted) throw error;
    online.value = false;
    const detail = timeout.aborted
      ? `The service did not answer within ${longest / 1_000} seconds.`
      : "The service cannot be reached.";
    throw new ApiError(0, { detail }, null);
  }
}

async function content(response, signal) {
  try {
    return await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    // The connection broke, or what answered is no dealcache: a proxy's page for signing in, perhaps.
    throw new ApiError(0, { detail: "The service's answer could not be read." }, null);
  }
}

async function failure(response) {
  const isProblem = response.headers.get("Content-Type")?.startsWith("application/problem+json");
  const problem = isProblem ? await content(response) : { detail: `The service answered ${response.status}.` };
  const error = new ApiError(response.status, problem, Number(response.headers.get("Retry-After")) || null);
  error.isForeignPage = response.status === 403 && !/token/.test(error.message);
  return error;
}
