/** What is not well, part by part. Each function takes the status and returns findings; none if all is well there. */

import { count, counted, duration, when } from "../app/format.js";
import { percent } from "../app/measures.js";

/** Seconds beyond two intervals that data may be old: five minutes that HubSpot's search may lag, ten for a sync. */
const GRACE = 900;

/** From which age on old data is worth a word where nothing else is promised. */
const HOUR = 3_600;

/** Seconds that a webhook event, or a sync that is due, may wait. */
const PATIENCE = 300;

/** The shares of HubSpot's limits below which little is left. Below the second, scheduled syncs wait. */
const LITTLE = 0.1;
const RESERVED = 0.02;

const bad = (text, next, page) => ({ level: "bad", text, next, page });
const warn = (text, next, page) => ({ level: "warn", text, next, page });
const note = (text, next, page) => ({ level: "note", text, next, page });

/** Return true while something is not yet known that soon will be. */
export function isPending({ tiers, data }) {
  return tiers.mongodb.ok === null || tiers.hubspot.ok === null || tiers.redis?.ok === null || data.deals === null;
}

/** Return what is wrong with the tiers. */
export function ofTiers({ tiers }) {
  const found = [];
  if (tiers.mongodb.ok === false) {
    const next = "Readers get what is cached, or HubSpot's answer; syncs wait. Check mongod and MONGODB_URI.";
    found.push(bad("MongoDB does not answer.", next));
  }
  if (tiers.redis?.ok === false) {
    const next = "MongoDB answers in its place, more slowly. Check redis-server and REDIS_URL.";
    found.push(warn("Redis does not answer.", next));
  }
  if (tiers.hubspot.ok === false) {
    const next = "Stored deals are served; nothing new comes in. The command “dealcache check” says why.";
    found.push(bad("HubSpot does not answer, or refuses the token.", next));
  }
  if (tiers.memory.max_bytes > 0 && tiers.memory.bytes > 0.95 * tiers.memory.max_bytes) {
    const next = "Entries make room for others; CACHE_MAX_BYTES is the bound.";
    found.push(note("The memory tier is full.", next, "cache"));
  }
  return found;
}

/** Return what is wrong with the data. */
export function ofData({ data, sync, tiers, webhooks }, age) {
  if (tiers.mongodb.ok !== true) return [];
  const found = [];
  if (data.deals === 0 && sync.running === null) {
    found.push(warn("No deals are stored.", "Start a sync of everything.", "syncs"));
  } else if (age !== null && age > oldest(data, sync)) {
    found.push(warn(`The data is ${duration(age)} old.`, whyOld(data, sync, webhooks), "syncs"));
  }
  if (data.timelines_missing > 0) {
    const level = sync.running === null ? warn : note;
    const text = `${counted(data.timelines_missing, "deal has", "deals have")} no timeline yet.`;
    found.push(level(text, "HubSpot is asked when they are read. A sync of everything reads them all.", "syncs"));
  }
  return found;
}

/** Return from which age on data is older than promised. */
function oldest(data, sync) {
  return sync.interval_seconds > 0 ? 2 * sync.interval_seconds + GRACE : data.max_age_seconds || HOUR;
}

function whyOld(data, sync, webhooks) {
  if (sync.interval_seconds > 0) {
    return `A sync is due every ${duration(sync.interval_seconds)}. See what the last ones say.`;
  }
  const start = "Start a sync, or set SYNC_INTERVAL_SECONDS.";
  return webhooks.enabled ? `Webhooks bring changes, but nothing looks for what they missed. ${start}` : start;
}

/** Return what is wrong with the syncs. */
export function ofSyncs({ at, sync, webhooks, tiers }) {
  const found = [];
  const { last_failed: failed, last_completed: completed } = sync;
  if (failed && (!completed || Date.parse(failed.finished_at) > Date.parse(completed.finished_at))) {
    found.push(warn(`The last sync failed: ${sentence(failed.error ?? failed.message)}`, "See what to do.", "syncs"));
  } else if (completed?.warnings.length > 0) {
    const text = `The last sync went on without something: ${sentence(completed.warnings[0])}`;
    found.push(note(text, "See all of it.", "syncs"));
  }
  const late = sync.next_at && !sync.running ? (Date.parse(at) - Date.parse(sync.next_at)) / 1_000 : 0;
  if (late > PATIENCE) {
    found.push(warn(`A sync has been due since ${when(sync.next_at)}.`, "See what holds it up.", "syncs"));
  }
  if (sync.interval_seconds === 0 && !webhooks.enabled && tiers.mongodb.ok) {
    const text = "Neither scheduled syncs nor webhooks are set up: old data is read again when somebody asks for it.";
    found.push(note(text, "Set SYNC_INTERVAL_SECONDS or HUBSPOT_CLIENT_SECRET."));
  }
  return found;
}

/** Return what is wrong with the webhooks. */
export function ofWebhooks({ webhooks }) {
  const found = [];
  if (webhooks.set_aside > 0) {
    const events = counted(webhooks.set_aside, "webhook event was", "webhook events were");
    const text = `${events} set aside after failing for a day.`;
    found.push(warn(text, "The log says why. A sync of everything reads what they announced.", "syncs"));
  }
  if (webhooks.oldest_pending_seconds > PATIENCE) {
    const events = counted(webhooks.pending, "webhook event waits", "webhook events wait");
    const text = `${events}, the oldest for ${duration(webhooks.oldest_pending_seconds)}.`;
    found.push(warn(text, "They are tried again by themselves. The log says what fails."));
  }
  return found;
}

/** Return which of HubSpot's limits are nearly used up. */
export function ofHubspot({ hubspot_limits: limits, sync }) {
  const found = [];
  if (isLow(limits.daily, RESERVED)) {
    const text = `HubSpot's limit for the day is all but used up: ${left(limits.daily)}.`;
    found.push(warn(text, "Scheduled syncs wait until HubSpot's day ends."));
  } else if (isLow(limits.daily, LITTLE)) {
    const next = `Below ${percent(RESERVED)} scheduled syncs wait. Something else may use the same account.`;
    found.push(warn(`HubSpot's limit for the day is nearly used up: ${left(limits.daily)}.`, next));
  }
  if (isLow(limits.app, LITTLE)) {
    const level = sync.running ? note : warn;
    const text = `HubSpot's limit for ten seconds is nearly used up: ${left(limits.app)}.`;
    found.push(level(text, "Calls wait for some seconds."));
  }
  return found;
}

/** Return what is worth knowing of the workers. */
export function ofWorkers({ workers }) {
  const versions = new Set((workers ?? []).map((one) => one.version ?? "an earlier one"));
  if (versions.size < 2) return [];
  const next = "Right while a release is being installed; else restart the others.";
  return [note(`Workers of several releases run: ${[...versions].sort().join(", ")}.`, next)];
}

function isLow(limit, share) {
  return limit !== null && limit.limit > 0 && limit.left <= share * limit.limit;
}

function left({ left, limit }) {
  return `${count(left)} of ${count(limit)} left`;
}

function sentence(text) {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
