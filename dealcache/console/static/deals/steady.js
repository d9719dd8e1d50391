/** A list that does not jump under the reader, though newer data arrive all the time. */

import { useRef, useState } from "../vendor/preact.js";

/** What was shown last, for whoever comes back by the history: the place on the page is the same at once. */
let remembered = null;

/**
 * Return what to show of what was loaded.
 *
 * Newer data of the same question take their place at once if they have the same deals in the same order, or if there was
 * nothing to read; otherwise they wait until the reader wants them.
 *
 * @param {{key: string, deals: Object[]}|null} loaded the newest data.
 * @param {string} key the present question.
 * @returns {{page: Object|null, waits: boolean, show: () => void}} the page to show, and true if a newer one waits.
 */
export function useSteady(loaded, key) {
  const shown = useRef(remembered?.key === key ? remembered : null);
  const [, redraw] = useState(0);
  const take = () => (remembered = shown.current = loaded);
  if (loaded !== null && (shown.current === null || isInPlace(shown.current, loaded))) take();
  const show = () => {
    take();
    redraw((times) => times + 1);
  };
  return { page: shown.current, waits: loaded !== null && loaded !== shown.current, show };
}

function isInPlace(before, after) {
  if (before.key !== after.key || before.deals.length === 0) return true;
  const ids = (page) => page.deals.map((deal) => deal.deal_id).join(" ");
  return ids(before) === ids(after);
}
