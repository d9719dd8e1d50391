/** Loading what a part of a page shows: the last question wins, old data stay, and what moves is asked for again. */

import { useCallback, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { online } from "./api.js";
import { token } from "./token.js";

/** Milliseconds before it is said that something is loading: what comes sooner need not flicker. */
export const PATIENCE = 200;

/** Milliseconds between two questions: while something moves, otherwise, and the longest after errors. */
const SOON = 2_000;
const LATER = 15_000;
const LONGEST_PAUSE = 60_000;

const EMPTY = { data: null, error: null, at: null, isLoading: false, isStale: false };

/**
 * Load something, and again whenever `key` or the token changes.
 *
 * @param {(signal: AbortSignal) => Promise<any>} load asks for it.
 * @param {string|null} key what is asked for; null: nothing yet.
 * @param {Object} [how]
 * @param {(data: any) => boolean} [how.moves] returns true if the data will change soon. With it the question is asked
 *   again and again, every 2 s while something moves, every 15 s otherwise, never in a hidden tab.
 * @param {boolean} [how.keep] true to show the data of before until those of another key are there.
 * @returns {{data: any, error: Error|null, at: Date|null, isLoading: boolean, isStale: boolean, reload: () => void}}
 *   `isLoading` after 200 ms; `isStale` while the data are those of before an error or of another key.
 */
export function useLoad(load, key, { moves = null, keep = true } = {}) {
  const [state, setState] = useState(EMPTY);
  const latest = useRef();
  latest.current = { load, moves };
  const reload = useRef(() => {});

  // Not after the first paint but before it: the question is under way a frame earlier.
  useLayoutEffect(() => {
    if (key === null) return setState(EMPTY);
    const loader = new Loader(latest, setState);
    reload.current = () => loader.begin();
    setState((before) => (keep ? { ...before, isStale: before.data !== null, error: null } : EMPTY));
    loader.begin();
    return () => loader.end();
  }, [key]);

  return { ...state, reload: useCallback(() => reload.current(), []) };
}

/** Asks one question, perhaps again and again; at most one request at a time. */
class Loader {
  #latest;
  #setState;
  #controller = null;
  #timer = null;
  #failures = 0;
  #ended = false;
  #stops;

  constructor(latest, setState) {
    this.#latest = latest;
    this.#setState = setState;
    const onShow = () => !document.hidden && this.#timer === "hidden" && this.begin();
    const onOnline = (isOnline) => isOnline && this.#failures > 0 && this.#controller === null && this.begin();
    document.addEventListener("visibilitychange", onShow);
    this.#stops = [
      () => document.removeEventListener("visibilitychange", onShow),
      token.watch(() => this.begin()),
      online.watch(onOnline),
    ];
  }

  async begin() {
    clearTimeout(this.#timer);
    this.#controller?.abort();
    const controller = (this.#controller = new AbortController());
    const patience = setTimeout(() => this.#setState((before) => ({ ...before, isLoading: true })), PATIENCE);
    try {
      const data = await this.#latest.current.load(controller.signal);
      if (controller.signal.aborted) return;
      this.#failures = 0;
      this.#setState({ data, error: null, at: new Date(), isLoading: false, isStale: false });
      this.#again(data, null);
    } catch (error) {
      if (controller.signal.aborted) return;
      this.#failures += 1;
      this.#setState((before) => ({ ...before, error, isLoading: false, isStale: before.data !== null }));
      this.#again(null, error);
    } finally {
      clearTimeout(patience);
      if (this.#controller === controller) this.#controller = null;
    }
  }

  end() {
    this.#ended = true;
    this.#controller?.abort();
    clearTimeout(this.#timer);
    for (const stop of this.#stops) stop();
  }

  #again(data, error) {
    const { moves } = this.#latest.current;
    if (error?.status === 401) return; // until there is another token, or the person tries again
    // Even what is asked for once is asked for again after a failure that may pass: a restart, or HubSpot being away.
    const mayPass = error?.status === 0 || error?.status >= 500;
    if (this.#ended || (moves === null && !mayPass)) return;
    const pause = error ? this.#pauseAfter(error) : moves(data) ? SOON : LATER;
    this.#timer = setTimeout(() => (document.hidden ? (this.#timer = "hidden") : this.begin()), pause);
  }

  #pauseAfter(error) {
    const growing = Math.min(LONGEST_PAUSE, SOON * 2 ** (this.#failures - 1));
    return Math.max(growing, (error.retryAfter ?? 0) * 1_000);
  }
}
