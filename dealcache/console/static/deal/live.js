/** Hears by a WebSocket that the deal has changed, as long as the page is looked at. */

import { useEffect, useRef, useState } from "../vendor/preact.js";
import { useStore } from "../app/store.js";
import { token } from "../app/token.js";

const PATH = `${document.documentElement.dataset.base}/ws/deal-updates`;

/** Milliseconds: the first and the longest pause before another try, and how long a hidden tab still listens. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
const HIDDEN = 60_000;

/** Milliseconds for which the service holds a change back: who connects within them after a read misses nothing. */
const HELD_BACK = 300;

/**
 * Hear of a deal's changes while a part is shown.
 *
 * @param {Object|null} deal {id, name}; null while it is not known. A deal whose name nobody can ask for, or that has
 *   none, is heard of among all deals.
 * @param {(changed: string[]) => void} onChange takes the views that changed.
 * @param {() => void} onMissed is called when a change may have been missed: the deal should be read again.
 * @returns {"connecting"|"live"|"away"|"paused"} whether changes are heard of.
 */
export function useLive(deal, onChange, onMissed) {
  const [state, setState] = useState("connecting");
  const bearer = useStore(token);
  const latest = useRef();
  latest.current = { onChange, onMissed };
  useEffect(() => {
    if (deal === null) return undefined;
    const listener = new Listener(deal, bearer, latest, setState);
    return () => listener.end();
  }, [deal?.id, deal?.name, bearer]);
  return state;
}

/** One WebSocket after the other. */
class Listener {
  #deal;
  #bearer;
  #latest;
  #setState;
  #socket = null;
  #timer = null;
  #failures = 0;
  #wasAway = false;
  #began = performance.now();
  #onVisibility = () => this.#turn();
  #onOnline = () => this.#socket === null && !document.hidden && this.#connect();

  constructor(deal, bearer, latest, setState) {
    this.#deal = deal;
    this.#bearer = bearer;
    this.#latest = latest;
    this.#setState = setState;
    document.addEventListener("visibilitychange", this.#onVisibility);
    addEventListener("online", this.#onOnline);
    this.#connect();
  }

  end() {
    document.removeEventListener("visibilitychange", this.#onVisibility);
    removeEventListener("online", this.#onOnline);
    this.#close();
  }

  #connect() {
    this.#close();
    this.#setState(this.#failures ? "away" : "connecting");
    let socket;
    try {
      socket = new WebSocket(this.#address(), this.#bearer === null ? [] : ["bearer", this.#bearer]);
    } catch {
      return this.#lost(); // a token with characters that a subprotocol cannot have
    }
    this.#socket = socket;
    socket.onopen = () => {
      this.#failures = 0;
      // Not in the address, where a name that the service does not take would end the connection.
      if (this.#deal.name) socket.send(JSON.stringify({ action: "subscribe", deal_names: [this.#deal.name] }));
      this.#setState("live");
      if (this.#wasAway || performance.now() - this.#began > HELD_BACK) this.#latest.current.onMissed();
      this.#wasAway = false;
    };
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    socket.onclose = () => this.#lost();
  }

  #address() {
    return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${PATH}`;
  }

  #hear(message) {
    const isOurs = message.type === "deal.updated" && message.deal_id === this.#deal.id;
    if (isOurs) this.#latest.current.onChange(message.changed);
  }

  /** Try again later. Where no WebSocket comes through at all, the deal is at least read again at each try. */
  #lost() {
    clearTimeout(this.#timer);
    this.#socket = null;
    this.#failures += 1;
    this.#setState("away");
    if (this.#wasAway && !document.hidden) this.#latest.current.onMissed();
    this.#wasAway = true;
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#failures - 1));
    this.#timer = setTimeout(() => !document.hidden && this.#connect(), pause * (0.75 + Math.random() / 2));
  }

  #turn() {
    clearTimeout(this.#timer);
    if (document.hidden) {
      this.#timer = setTimeout(() => this.#pause(), HIDDEN);
    } else if (this.#socket === null) {
      this.#connect();
    }
  }

  #pause() {
    this.#close();
    this.#wasAway = true;
    this.#setState("paused");
  }

  #close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }
}
