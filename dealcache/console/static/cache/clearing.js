/** Clearing the cache: asked once more, and what it did is said. */

import { change } from "../app/api.js";
import { counted } from "../app/format.js";
import { say } from "../parts/announce.js";
import { confirmed } from "../parts/dialog.js";

const PATH = "/api/hubspot/clear-endpoint-cache";
const STAYS = "MongoDB keeps its documents, and the next reader of each waits for it a little longer.";

/** Clear what is cached of one deal, if the person means it; return true if something may have changed. */
export function clearDeal(name) {
  // Isolated (UAX 9), so that a name from right to left leaves the order of the sentence alone.
  const title = `Clear what is cached of “\u2068${name}\u2069”?`;
  const text = `Its activity count, timeline and info leave memory and Redis in all workers. ${STAYS}`;
  return clear({ title, text, action: "Clear", isDangerous: true }, { dealName: name });
}

/** Clear everything, if the person means it; return true if something may have changed. */
export function clearAll(total) {
  const text = `${counted(total, "entry leaves", "entries leave")} memory, and Redis too, in all workers. ${STAYS}`;
  return clear({ title: "Clear the whole cache?", text, action: "Clear all", isDangerous: true }, {});
}

async function clear(question, query) {
  if (!(await confirmed(question))) return false;
  try {
    const done = await change(PATH, { method: "DELETE", query });
    if (done === null) say("Nothing was cleared: this needs the admin token.");
    else say(`${counted(done.data.entries_cleared, "entry", "entries")} left the caches.`);
    return done !== null;
  } catch (error) {
    say(error.message, { isBad: true });
    return true;
  }
}
