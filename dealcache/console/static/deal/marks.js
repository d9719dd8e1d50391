/** Where the events of a chart stand: a scale of time, marks that do not overlap, and ticks. Pure. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Pixels between two neighbouring marks, and between two ticks at least. */
const GAP = 2;
const TICK = 76;

const moments = new WeakMap();

/** Return when an event happens on the clock of the service's zone, as if that were UTC. */
export function momentOf(event) {
  if (!moments.has(event)) moments.set(event, Date.parse(`${event.date_str}T${event.time_str}:00Z`));
  return moments.get(event);
}

/** Return what the clock of a zone shows now, as if that were UTC. */
export function clockOf(zone, now = new Date()) {
  return Date.parse(`${now.toLocaleString("sv-SE", { timeZone: zone }).replace(" ", "T")}Z`);
}

/** Return the calendar day of a moment. */
export function dayOf(moment) {
  return new Date(moment).toISOString().slice(0, 10);
}

/** Return the first moment of a day. */
export function startOf(day) {
  return Date.parse(`${day}T00:00:00Z`);
}

/**
 * Return the marks of one lane: events that would overlap are one.
 *
 * @param {Object[]} events oldest first.
 * @param {(moment: number) => number} x the scale, in pixels.
 * @param {number} now events behind it are planned, and never in one mark with others.
 * @returns {{x: number, half: number, events: Object[], isPlanned: boolean}[]}
 */
export function marksOf(events, x, now) {
  const marks = [];
  for (const event of events) {
    const at = momentOf(event);
    let mark = { x: x(at), half: halfOf(1), events: [event], isPlanned: at > now };
    for (let last = marks.at(-1); last && overlap(last, mark); last = marks.at(-1)) mark = merged(marks.pop(), mark);
    const last = marks.at(-1);
    if (last) mark.x = Math.max(mark.x, last.x + last.half + mark.half + GAP); // the first planned one, beside what was
    marks.push(mark);
  }
  return marks;
}

function overlap(one, other) {
  return one.isPlanned === other.isPlanned && other.x - one.x < one.half + other.half + GAP;
}

function merged(one, other) {
  const [some, more] = [one.events.length, other.events.length];
  for (const event of other.events) one.events.push(event);
  return { ...one, x: (one.x * some + other.x * more) / (some + more), half: halfOf(some + more) };
}

/** Return half the width of the mark of so many events: a number needs room. */
function halfOf(number) {
  return number === 1 ? 5.5 : 5 + 3.5 * String(number).length;
}

const STEPS = [HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY];
const MONTHS = [1, 3, 6, 12, 24, 60, 120];

/**
 * Return the ticks of an axis.
 *
 * @returns {{at: number, unit: "hour"|"day"|"month"|"year"}[]}
 */
export function ticksOf([from, to], width) {
  const least = ((to - from) * TICK) / Math.max(width, 1);
  const step = STEPS.find((one) => one >= least);
  const ticks = [];
  if (step !== undefined) {
    const shift = step === 7 * DAY ? 4 * DAY : 0; // 1970 began on a Thursday, weeks do on Mondays
    for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) {
      ticks.push({ at, unit: at % DAY === 0 ? "day" : "hour" });
    }
    return ticks;
  }
  const months = MONTHS.find((one) => one * 30 * DAY >= least) ?? MONTHS.at(-1);
  const date = new Date(from);
  const first = date.getUTCFullYear() * 12 + date.getUTCMonth();
  for (let month = Math.ceil(first / months) * months; ; month += months) {
    const at = Date.UTC(Math.floor(month / 12), month % 12, 1);
    if (at > to) return ticks;
    if (at >= from) ticks.push({ at, unit: month % 12 === 0 ? "year" : "month" });
  }
}
