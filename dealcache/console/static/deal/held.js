/** New events that are kept back, because they would push down what somebody reads. */

import { useRef, useState } from "../vendor/preact.js";

const NONE = new Set();

/**
 * Return the ids of new events that are kept back, and a function that lets them in.
 *
 * They are kept back while the newest events are on top, the top of the list is seen, and somebody is at one of them.
 * Further down the window is scrolled instead (see still.js), and further up nobody reads the list.
 */
export function useHeld(all, question, list, oldestFirst) {
  const kept = useRef({ all, question, held: NONE });
  const [, draw] = useState(0);
  const { current } = kept;
  if (current.question !== question) kept.current = { all, question, held: NONE };
  else if (current.all !== all) {
    const known = new Set(current.all.map((event) => event.id));
    const added = all.filter((event) => !known.has(event.id)).map((event) => event.id);
    const holds = added.length > 0 && !oldestFirst && isRead(list.current);
    kept.current = { all, question, held: holds ? new Set([...current.held, ...added]) : current.held };
  }
  const release = () => {
    kept.current.held = NONE;
    draw((times) => times + 1);
  };
  return [kept.current.held, release];
}

function isRead(list) {
  if (!list?.firstElementChild) return false;
  const { top } = list.getBoundingClientRect();
  const isTopSeen = top > 0 && top < innerHeight;
  return (
    isTopSeen && (list.contains(document.activeElement) || list.querySelector("details[open], .event:hover") !== null)
  );
}
