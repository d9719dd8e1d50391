/** Shares, sizes, rates and numbers of days in the viewer's language. */

import { LOCALE, NONE } from "./format.js";

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });
const percentage = new Intl.NumberFormat(LOCALE, { style: "percent", maximumFractionDigits: 1 });
const timeWithSeconds = new Intl.DateTimeFormat(LOCALE, { timeStyle: "medium" });

/** Return a share of 0 to 1 as per cent. */
export function percent(value) {
  return value === null || value === undefined ? NONE : percentage.format(value);
}

/** Return a size in bytes, kB or MB. */
export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  if (value < 1_000) return `${whole.format(value)} B`;
  return value < 1_000_000 ? `${oneDigit.format(value / 1_000)} kB` : `${oneDigit.format(value / 1_000_000)} MB`;
}

/** Return the time of day of a moment in milliseconds, to the second. */
export function timeToTheSecond(milliseconds) {
  return timeWithSeconds.format(milliseconds);
}

/** Return how many a second, with one digit behind the point where they are few. */
export function rate(value) {
  if (value === null || value === undefined) return NONE;
  return (value < 10 ? oneDigit : whole).format(value);
}

/** Return a number of days, with one digit behind the point. */
export function days(value) {
  return value === null || value === undefined ? NONE : oneDigit.format(value);
}
