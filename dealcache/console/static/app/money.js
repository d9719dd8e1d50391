/** Amounts of money in the viewer's language. */

import { LOCALE, NONE } from "./format.js";

const money = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 0, maximumFractionDigits: 2 });
const short = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumSignificantDigits: 3 });
const moneyIn = { style: "currency", notation: "standard", trailingZeroDisplay: "stripIfInteger" };
const shortIn = { style: "currency", notation: "compact", maximumSignificantDigits: 3 };

/** What the API calls the currency of deals without one while the company's is not known. */
const NO_CURRENCY = "XXX";

/** Formats of amounts, by notation and currency. */
const formats = new Map();

/** Return an amount of money, with its currency if that is known. */
export function amount(value, currency = null) {
  if (value === null || value === undefined) return NONE;
  return currency ? inCurrency(currency, moneyIn, money, value) : money.format(value);
}

/** Return a number in few digits, such as "3.23M", for where the whole one is not needed; an amount with its currency. */
export function compact(value, currency = null) {
  if (value === null || value === undefined) return NONE;
  return currency ? inCurrency(currency, shortIn, short, value) : short.format(value);
}

/** Return sums by currency, such as {"EUR": 12.5}, as texts. */
export function amounts(sums, shown = amount) {
  return Object.entries(sums).map(([currency, value]) => shown(value, currency));
}

function inCurrency(currency, options, plain, value) {
  if (currency === NO_CURRENCY) return `${plain.format(value)} without a currency`;
  const key = `${options.notation} ${currency}`;
  if (!formats.has(key)) formats.set(key, formatOf({ ...options, currency }));
  return formats.get(key)?.format(value) ?? `${plain.format(value)} ${currency}`;
}

/** Return a format of amounts; null if the browser takes the currency for none. */
function formatOf(options) {
  try {
    return new Intl.NumberFormat(LOCALE, options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return null;
  }
}
