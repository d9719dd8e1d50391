/** Syncs: what runs, what waits, what comes by itself, what was; to start and to cancel. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { useLoad } from "../app/load.js";
import { go, useRoute } from "../app/router.js";
import { reloadStatus } from "../app/service.js";
import { say } from "../parts/announce.js";
import { useKeys } from "../parts/keys.js";
import { Loaded } from "../parts/states.js";
import { JobDialog } from "./details.js";
import { JobReader, FIRST_PAGE } from "./jobs.js";
import { Now } from "./now.js";
import { Past } from "./past.js";
import { StartDialog } from "./start.js";
import { isByItself, outcome } from "./words.js";

const PATH = "/syncs";

/** The page. */
export function Page() {
  const { query } = useRoute();
  const [limit, setLimit] = useState(FIRST_PAGE);
  const status = query.get("status") ?? "";
  const reader = useRef(null);
  reader.current ??= new JobReader();
  const jobs = useLoad((signal) => reader.current.read(status, limit, signal), `${status} ${limit}`, {
    moves: (data) => data.moves,
  });
  useEffect(() => void (document.title = "Syncs · dealcache"), []);
  useEndings(jobs.data?.ended);
  const moves = jobs.data?.moves ?? false;
  // A job tells that it runs before the status is looked at again, which tells what holds it up.
  useEffect(() => void (moves && reloadStatus()), [moves]);

  const here = Object.fromEntries(query);
  const show = (changed, how) => go(PATH, { ...here, ...changed }, how);
  const start = () => show({ start: "changes" });
  const refresh = () => {
    reader.current.forget();
    jobs.reload();
    reloadStatus();
  };
  const closeStart = () => show({ start: "", deal: "", stage: "", first: "", last: "" }, { replace: true });
  useKeys({ s: { does: "Start a sync", run: start } });

  return html`
    <div class="page-head">
      <h1>Syncs</h1>
      <button type="button" class="primary" onClick=${start}>Start sync</button>
    </div>
    <${Loaded} loading=${jobs} what="the syncs">
      ${(data) => html`
        <${Now} jobs=${data} refresh=${refresh} />
        <${Past}
          jobs=${data}
          status=${status}
          isWhole=${query.get("every") === "true"}
          show=${show}
          more=${(next) => setLimit(next)}
        />
      `}
    </${Loaded}>
    ${query.has("start") && html`<${StartDialog} given=${here} show=${show} onClose=${closeStart} refresh=${refresh} />`}
    ${query.has("job") &&
    html`<${JobDialog} key=${here.job} jobId=${here.job} onClose=${() => show({ job: "" }, { replace: true })} />`}
  `;
}

/** Say how the syncs that people asked for have ended, while the page is open. */
function useEndings(ended) {
  useEffect(() => {
    for (const job of ended ?? []) {
      if (!isByItself(job)) say(outcome(job), { isBad: job.status === "failed" });
    }
  }, [ended]);
}
