/** Status: whether all is well, and the numbers that tell. */

import { html, useEffect } from "../vendor/preact.js";
import { when } from "../app/format.js";
import { dataAge, useStatusLoading } from "../app/service.js";
import { useNow } from "../parts/frame.js";
import { Loaded } from "../parts/states.js";
import { DataPanel, SyncsPanel, WebhooksPanel } from "./facts.js";
import { LimitsPanel, TiersPanel, WorkersPanel } from "./tables.js";
import { verdict } from "./verdict.js";
import { Verdict } from "./verdict_panel.js";

/** The page. */
export function Page() {
  useEffect(() => {
    document.title = "Status · dealcache";
  }, []);
  const loading = useStatusLoading();
  const { data, error } = loading;
  return html`
    <div class="page-head">
      <h1>Status</h1>
      ${data && html`<p class="muted">As of ${when(data.at)}, by the service's clock</p>`}
    </div>
    <${Loaded} loading=${loading} what="the status">
      ${(status) => html`<${Shown} status=${status} isCurrent=${error === null} />`}
    </${Loaded}>
  `;
}

function Shown({ status, isCurrent }) {
  const age = dataAge(status, useNow());
  return html`
    <${Verdict} verdict=${verdict(status, { age, isCurrent })} />
    <div class="panels status-panels">
      <${DataPanel} status=${status} age=${age} />
      <${TiersPanel} tiers=${status.tiers} />
      <${SyncsPanel} sync=${status.sync} />
      <${LimitsPanel} limits=${status.hubspot_limits} />
      <${WebhooksPanel} webhooks=${status.webhooks} />
      <${WorkersPanel} status=${status} />
    </div>
  `;
}
