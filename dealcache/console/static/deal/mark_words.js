/** What a mark of the chart is called, and which one comes next. Pure. */

import { count, counted, day, dayAndTime } from "../app/format.js";

/** Return the lines that tell what a mark is: when, what type, and what about. */
export function linesOf({ events, type, isPlanned }) {
  const [first, last] = [events[0], events.at(-1)];
  const kind = isPlanned ? `${type}, planned` : type;
  if (events.length > 1) {
    const days =
      first.date_str === last.date_str ? day(first.date_str) : `${day(first.date_str)} – ${day(last.date_str)}`;
    return [days, `${kind}: ${count(events.length)} events`, "Press to look closer"];
  }
  return [dayAndTime(first.date_str, first.time_str), kind, first.subject || first.content_preview || "No subject"];
}

/** Return the name of a mark for who cannot see it. */
export function labelOf(mark) {
  if (mark.events.length === 1) return linesOf(mark).join(", ");
  const [days, kind] = linesOf(mark);
  return `${counted(mark.events.length, "event")}, ${kind.split(":")[0]}, ${days}`;
}

/** Return the place of the mark that a key leads to; null for none. */
export function stepped(marks, place, key) {
  const mark = marks[place];
  if (key === "Home") return 0;
  if (key === "End") return marks.length - 1;
  if (key === "ArrowLeft") return Math.max(0, place - 1);
  if (key === "ArrowRight") return Math.min(marks.length - 1, place + 1);
  const sign = { ArrowUp: -1, ArrowDown: 1 }[key];
  if (sign === undefined) return null;
  const lanes = marks.map((one) => one.lane).filter((lane) => sign * (lane - mark.lane) > 0);
  if (lanes.length === 0) return place;
  const lane = sign > 0 ? Math.min(...lanes) : Math.max(...lanes);
  let nearest = null;
  marks.forEach((one, at) => {
    if (one.lane === lane && (nearest === null || Math.abs(one.x - mark.x) < Math.abs(marks[nearest].x - mark.x)))
      nearest = at;
  });
  return nearest;
}
