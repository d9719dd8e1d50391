/** The open deals that went quiet, and those without a next step. */

import { html } from "../vendor/preact.js";
import { DealsPanel } from "./deals.js";
import { QUIET } from "./question.js";

/**
 * Both panels, with the page's filters by stage and owner; there the owner is that of the deal.
 *
 * @param {Object} question what the page asks.
 * @param {Object[]} stages all stages.
 * @param {string} now the present day.
 * @param {(changes: Object) => void} ask asks another question.
 */
export function Attention({ question, stages, now, ask }) {
  const open = { open: "true", stage: question.stage, owner: question.owner };
  const more = { question, stages, now };
  const choices = [...new Set([...QUIET, question.quiet])].sort((one, other) => one - other);
  return html`<div class="activity-attention">
    <${DealsPanel}
      id="quiet-title"
      title="Went quiet"
      query=${{ ...open, idle_days: question.quiet, sort: "last_activity" }}
      none="No open deal has gone quiet."
      ...${more}
    >
      <p class="activity-note muted">
        <label for="quiet">Open deals without an activity for</label>${" "}
        <select id="quiet" onChange=${(event) => ask({ quiet: Number(event.target.value) })}>
          ${choices.map((days) => html`<option key=${days} value=${days} selected=${days === question.quiet}>${days} days</option>`)}
        </select>
      </p>
    </${DealsPanel}>
    <${DealsPanel}
      id="next-title"
      title="No next step"
      query=${{ ...open, has_next_activity: "false", sort: "-amount" }}
      none="Every open deal has an activity that is planned."
      ...${more}
    >
      <p class="activity-note muted">Open deals without a planned activity, the largest first</p>
    </${DealsPanel}>
  </div>`;
}
