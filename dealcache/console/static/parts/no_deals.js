/** Where nothing is stored yet: offers the first sync. */

import { html } from "../vendor/preact.js";
import { change } from "../app/api.js";
import { address } from "../app/router.js";
import { useStatus } from "../app/service.js";
import { say } from "./announce.js";
import { Empty } from "./states.js";

/** Says that there are no deals, or that a sync is reading the first ones. */
export function NoDeals() {
  const status = useStatus();
  const start = async () => {
    try {
      const accepted = await change("/api/hubspot/v2/sync", { method: "POST" });
      if (accepted) say("The sync was started. Deals are shown as they come in.");
    } catch (error) {
      say(`The sync was not started. ${error.message}`, { isBad: true });
    }
  };
  const runs = status?.sync.running ?? null;
  return html`<${Empty} title=${runs ? "The first deals are on their way." : "No deals are stored yet."}>
    ${runs
      ? html`<p>A sync reads them from HubSpot; they are shown here as they come in.</p>`
      : html`<p>The first sync reads all deals and activities from HubSpot.</p>
          <button type="button" class="primary" onClick=${start}>Start sync</button>`}
    <p class="state-next"><a href=${address("/syncs")}>Look at the syncs</a></p>
  </${Empty}>`;
}
