/** The reads of the last minutes, from counters that are looked at now and then. Pure. */

/** Milliseconds that are looked back on, and the fewest and most between two looks that make one sample. */
export const WINDOW = 600_000;
const FEWEST = 5_000;
const MOST = 45_000;

/** The tiers in the order in which a read asks them. */
export const TIERS = [
  { name: "memory", title: "Memory", dash: [] },
  { name: "redis", title: "Redis", dash: [9, 3] },
  { name: "mongodb", title: "MongoDB", dash: [4, 3] },
  { name: "hubspot", title: "HubSpot", dash: [2, 2] },
];

/** Nothing yet: no counters to compare with, and no samples. */
export const NO_SAMPLES = { mark: null, samples: [] };

/** Return the counters in cache-stats, and of which workers they are. */
export function countersOf(stats) {
  const reads = Object.fromEntries(TIERS.map(({ name }) => [name, stats.tiers[name].hits]));
  const failed = stats.misses - reads.mongodb - reads.hubspot;
  return { reads: { ...reads, failed }, workers: `${stats.workers} ${stats.workers_missing.join(" ")}` };
}

/**
 * Return what is known after another look at the counters.
 *
 * Where nobody looked for long, or counters went back or are those of other workers, there is a gap: its reads are not
 * known, for a worker that starts again counts from 0.
 *
 * @param {{mark: Object|null, samples: Object[]}} known what was known before.
 * @param {Object} counters what countersOf returned.
 * @param {number} at when, in milliseconds.
 */
export function look(known, counters, at) {
  const { mark } = known;
  const next = { counters, at };
  if (mark === null) return { mark: next, samples: [] };
  const isContinued = continues(mark.counters, counters);
  if (isContinued && at - mark.at < FEWEST) return known;
  const samples = known.samples.filter((one) => one.to > at - WINDOW);
  const isKnown = isContinued && at - mark.at <= MOST;
  return { mark: next, samples: [...samples, isKnown ? sample(mark, next) : { to: at, isGap: true }] };
}

/** Return rows for a chart: times in seconds, then the values of each of some functions of a sample; null in gaps. */
export function columnsOf(samples, values) {
  const column = (value) => samples.map((one) => (one.isGap ? null : value(one)));
  return [samples.map((one) => one.to / 1_000), ...values.map(column)];
}

function continues(before, after) {
  const names = Object.keys(before.reads);
  return before.workers === after.workers && names.every((name) => after.reads[name] >= before.reads[name]);
}

function sample(before, after) {
  const seconds = (after.at - before.at) / 1_000;
  const counted = Object.entries(after.counters.reads);
  const changes = counted.map(([name, value]) => [name, value - before.counters.reads[name]]);
  const total = changes.reduce((sum, [, change]) => sum + change, 0);
  const rates = Object.fromEntries(changes.map(([name, change]) => [name, change / seconds]));
  const hits = (rates.memory + rates.redis) * seconds;
  return { from: before.at, to: after.at, rates, total: total / seconds, ratio: total === 0 ? null : hits / total };
}
