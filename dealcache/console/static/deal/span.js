/** Which part of a long list is drawn: some events at first, more on demand, and always the one that is chosen. */

import { useRef, useState } from "../vendor/preact.js";

/** How many are drawn at first and at once, and how many before one that is jumped to. */
const FIRST = 30;
export const STEP = 100;
const BEFORE = 20;

/**
 * Return the part of a list that is drawn.
 *
 * @param {Object[]} events all, in order.
 * @param {string} question what they answer: with another one the list begins at its top again.
 * @param {string|null} wanted the id of the one that must be among them.
 * @returns {{from: number, to: number, before: () => void, more: () => void}}
 */
export function useSpan(events, question, wanted) {
  const kept = useRef({ from: 0, to: FIRST, events, question: null, wanted: null });
  const [, draw] = useState(0);
  let { from, to } = kept.current;
  if (kept.current.question !== question) [from, to] = [0, FIRST];
  else if (kept.current.events !== events) [from, to] = moved(kept.current, events);
  if (kept.current.question !== question || kept.current.wanted !== wanted) {
    [from, to] = including(
      [from, to],
      events.findIndex((event) => event.id === wanted),
    );
  }
  kept.current = { from, to, events, question, wanted };
  const extend = (down, up) => {
    kept.current.from = Math.max(0, from - down);
    kept.current.to = to + up;
    draw((times) => times + 1);
  };
  return { from, to: Math.min(to, events.length), before: () => extend(STEP, 0), more: () => extend(0, STEP) };
}

/** Return the part of a changed list in which what was drawn is drawn still. */
function moved({ from, to, events }, present) {
  const placeOf = (event) => (event ? present.findIndex((one) => one.id === event.id) : -1);
  const first = from === 0 ? 0 : placeOf(events[from]);
  const begin = first < 0 ? Math.min(from, Math.max(0, present.length - STEP)) : first;
  return [begin, Math.max(begin + FIRST, placeOf(events[Math.min(to, events.length) - 1]) + 1)];
}

function including([from, to], place) {
  if (place < 0 || (place >= from && place < to)) return [from, to];
  const isFar = place < from - 2 * STEP || place > to + 2 * STEP;
  if (isFar) return [Math.max(0, place - BEFORE), place + STEP - BEFORE];
  return [Math.min(from, Math.max(0, place - BEFORE)), Math.max(to, place + BEFORE)];
}
