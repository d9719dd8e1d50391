/** Where no sync has been yet: offers the first one. */

import { html, useState } from "../vendor/preact.js";
import { address } from "../app/router.js";
import { say } from "../parts/announce.js";
import { Empty } from "../parts/states.js";
import { CHOICES, ask } from "./requests.js";

/** Says that there is none; offers to read everything if nothing is stored. */
export function FirstSync({ status, refresh }) {
  const [isBusy, setBusy] = useState(false);
  if (status?.data.as_of) {
    return html`<p>No sync in the last 30 days. <a href=${address("/deals")}>Deals</a> shows what is stored.</p>`;
  }
  const begin = async () => {
    setBusy(true);
    const { errors } = await ask(CHOICES.everything.request());
    setBusy(false);
    if (errors[""]) say(errors[""], { isBad: true });
    refresh();
  };
  return html`<${Empty} title="No sync yet: nothing is stored.">
    <p>The first one reads every deal with all its activities from HubSpot. Each deal is shown as soon as it is stored.</p>
    <button type="button" class="primary" disabled=${isBusy} onClick=${begin}>Start the first sync</button>
  </${Empty}>`;
}
