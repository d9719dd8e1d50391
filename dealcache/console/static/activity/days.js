/** Days, weeks and months as the API writes them: "YYYY-MM-DD", of the service's zone. */

const DAY = 86_400_000;

/** Days of the week, Monday being the first, as in ISO 8601. */
const WEEK = 7;

/** Return the present day in a zone; in the viewer's while that of the service is not known. */
export function today(zone) {
  const parts = new Intl.DateTimeFormat("en", {
    ...{ timeZone: zone ?? undefined, calendar: "iso8601", numberingSystem: "latn" },
    ...{ year: "numeric", month: "2-digit", day: "2-digit" },
  }).formatToParts();
  const part = (type) => parts.find((one) => one.type === type).value;
  return `${part("year").padStart(4, "0")}-${part("month")}-${part("day")}`;
}

/** Return the day so many days before another one. */
export function dayBefore(day, days) {
  return textOf(momentOf(day) - days * DAY);
}

/** Return how many days lie between two days. */
export function daysBetween(first, last) {
  return Math.round((momentOf(last) - momentOf(first)) / DAY);
}

/** Return the first day of the week or month of a day. */
export function startOf(day, by) {
  if (by === "month") return `${day.slice(0, 7)}-01`;
  return dayBefore(day, (new Date(momentOf(day)).getUTCDay() + WEEK - 1) % WEEK);
}

/** Return the first day of the week or month after the one that begins on a day. */
export function following(start, by) {
  if (by === "week") return dayBefore(start, -WEEK);
  const date = new Date(momentOf(start));
  return textOf(date.setUTCMonth(date.getUTCMonth() + 1));
}

function momentOf(day) {
  return Date.parse(`${day}T00:00:00Z`);
}

function textOf(moment) {
  return new Date(moment).toISOString().slice(0, 10);
}
