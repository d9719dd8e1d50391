/** All that matches, as a file. */

import { html, useState } from "../vendor/preact.js";
import { download, downloadAddress } from "../app/api.js";
import { useStore } from "../app/store.js";
import { token } from "../app/token.js";
import { say } from "../parts/announce.js";
import { parametersOf } from "./question.js";

const PATH = "/api/hubspot/v2/deal-list";
const FILE = "deals.csv";

/** A link to the CSV of what a question finds: the browser saves it as it comes, however long it is. */
export function Export({ question }) {
  const held = useStore(token);
  const [isBusy, setBusy] = useState(false);
  const query = { ...parametersOf(question, { isPage: false }), format: "csv" };
  const save = async (event) => {
    if (held === null) return;
    event.preventDefault(); // a link sends no token
    if (isBusy) return;
    setBusy(true);
    try {
      await download(PATH, query, FILE);
      say(`Saved ${FILE}.`);
    } catch (error) {
      say(`${FILE} could not be saved. ${error.message}`, { isBad: true });
    } finally {
      setBusy(false);
    }
  };
  return html`<a class="button" href=${downloadAddress(PATH, query)} download=${FILE} aria-busy=${isBusy ? "true" : null} onClick=${save}>
    ${isBusy ? "Preparing CSV…" : "Download CSV"}
  </a>`;
}
