/** A list that stays as it is while somebody is in it: rows do not move away from under the pointer or the focus. */

import { useEffect, useState } from "../vendor/preact.js";

/**
 * Return what to show of a list that is renewed all the time.
 *
 * @param {any} newest the newest list.
 * @param {string} key what was asked for; another question is shown at once.
 * @returns {{shown: any, isHeld: boolean, release: () => void, events: Object}} `isHeld` is true if there is a newer
 *   list; `release` shows that; `events` are for the element in which somebody may be.
 */
export function useHeld(newest, key) {
  const [held, setHeld] = useState(null);
  const isOurs = held !== null && held.key === key;
  const hold = () => setHeld(isOurs ? held : { key, list: newest });
  const release = () => setHeld(null);
  useEffect(release, [key]);
  return {
    shown: isOurs ? held.list : newest,
    isHeld: isOurs && held.list !== newest,
    release,
    events: { onMouseEnter: hold, onMouseLeave: release, onFocusIn: hold, onFocusOut: release },
  };
}
