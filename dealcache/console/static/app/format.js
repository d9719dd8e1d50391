/** Numbers and times in the viewer's language. */

/** The viewer's languages. */
export const LOCALE = navigator.languages ?? undefined;

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 12 });
const moment = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" });
const timeOfDay = new Intl.DateTimeFormat(LOCALE, { timeStyle: "short" });
const clock = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
const calendarDay = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeZone: "UTC" });
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });

/** A letter, a digit or anything else that is seen. */
const SEEN = /[^\p{C}\p{Z}]/u;

/** What stands where there is no value. */
export const NONE = "–";

const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** Return true if a deal's name has anything that is seen. */
export function isNamed(name) {
  return SEEN.test(name ?? "");
}

/** Return what a deal is called: its name, or its id if nothing is seen of that. */
export function dealName(id, name) {
  return isNamed(name) ? name : `Deal ${id} without a name`;
}

/** Return a whole number, digits in groups. */
export function count(value) {
  return value === null || value === undefined ? NONE : whole.format(value);
}

/** Return a number with all its digits. */
export function number(value) {
  return exact.format(value);
}

/** Return "1 deal", "2 deals": a number and its noun. */
export function counted(value, noun, nouns = `${noun}s`) {
  return `${count(value)} ${value === 1 ? noun : nouns}`;
}

/** Return milliseconds, with one digit behind the point where they are few. */
export function milliseconds(value) {
  if (value === null || value === undefined) return NONE;
  if (value < 0.1) return "< 0.1 ms";
  return `${value < 10 ? oneDigit.format(value) : whole.format(value)} ms`;
}

/** Return a length of time, such as "42 s", "3 min", "2 h 5 min", "4 d 3 h". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds < 10) return `${oneDigit.format(seconds)} s`;
  const total = Math.round(seconds);
  if (total < 60) return `${total} s`;
  if (total < 3_600) return `${Math.floor(total / 60)} min${total < 600 && total % 60 ? ` ${total % 60} s` : ""}`;
  if (total < 86_400) return together(Math.floor(total / 3_600), "h", Math.floor((total % 3_600) / 60), "min");
  return together(Math.floor(total / 86_400), "d", Math.floor((total % 86_400) / 3_600), "h");
}

function together(many, unit, few, lesser) {
  return `${whole.format(many)} ${unit}${few ? ` ${few} ${lesser}` : ""}`;
}

/** Return a moment in the viewer's language and zone. */
export function when(iso) {
  return iso ? moment.format(new Date(iso)) : NONE;
}

/** Return the time of day of a moment in milliseconds, in the viewer's language and zone. */
export function time(milliseconds) {
  return timeOfDay.format(milliseconds);
}

/** Return a day "YYYY-MM-DD" and a time "HH:MM" of the service's zone in the viewer's language. */
export function dayAndTime(dayText, timeText) {
  return clock.format(new Date(`${dayText}T${timeText}:00Z`));
}

/** Return the very moment in UTC, for a tooltip. */
export function exactly(iso) {
  return iso ? `${iso.replace("T", " ").replace(/(\.\d+)?(Z|\+00:00)$/, "$1")} UTC` : "";
}

/** Return a calendar day "YYYY-MM-DD" in the viewer's language; the day is one of the service's zone. */
export function day(text) {
  if (!text) return NONE;
  const date = new Date(`${text}T00:00:00Z`);
  return Number.isNaN(date.getTime()) ? text : calendarDay.format(date);
}

/** Return how far a moment lies from now, such as "3 days ago" or "in 2 hours". */
export function ago(iso, now = Date.now()) {
  if (!iso) return NONE;
  const seconds = (new Date(iso).getTime() - now) / 1_000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return relative.format(Math.trunc(seconds / size), unit);
}
