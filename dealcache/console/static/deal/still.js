/** Keeps what is read where it is when something comes or goes above it. */

import { Component } from "../vendor/preact.js";

/** How many rows are looked for, in case that the first one goes. */
const ROWS = 5;

/** Return the first rows that are seen and where they stand; none while the top of the list is seen or below. */
export function rowsRead() {
  const list = document.querySelector(".events");
  const top = coveredTo();
  if (list === null || list.getBoundingClientRect().top >= top) return [];
  const rows = [];
  for (const row of list.children) {
    const place = row.getBoundingClientRect();
    if (place.bottom > top) rows.push([row, place.top]);
    if (rows.length === ROWS) break;
  }
  return rows;
}

/** Scroll so that the first of some rows that is still there stands where it stood. */
export function putBack(rows) {
  const [row, top] = rows.find(([one]) => one.isConnected) ?? [];
  const moved = row ? row.getBoundingClientRect().top - top : 0;
  if (Math.abs(moved) > 0.5) scrollBy({ top: moved, behavior: "instant" });
}

/** Return to where the window is covered by what sticks to its top. */
function coveredTo() {
  const bottoms = [...document.querySelectorAll(".top, .list-tools")]
    .filter((one) => getComputedStyle(one).position === "sticky")
    .map((one) => one.getBoundingClientRect())
    .filter((place) => place.top < 100)
    .map((place) => place.bottom);
  return Math.max(0, ...bottoms);
}

/** Wraps what is drawn again when `data` changes: then, and only then, the rows that are read stay in place. */
export class Still extends Component {
  getSnapshotBeforeUpdate(before) {
    return before.data !== this.props.data ? rowsRead() : [];
  }

  componentDidUpdate(before, state, rows) {
    putBack(rows ?? []);
  }

  render({ children }) {
    return children;
  }
}
