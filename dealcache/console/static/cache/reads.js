/** The reads of the last minutes: charts, and a table of the same numbers. */

import { html, useMemo, useState } from "../vendor/preact.js";
import { percent, rate, timeToTheSecond } from "../app/measures.js";
import { Chart } from "./chart.js";
import { columnsOf } from "./samples.js";

const RATIO = [{ title: "Hit ratio", color: "--accent", dash: [] }];

/** The panel; `tiers` are those that are set up. */
export function ReadsPanel({ samples, tiers }) {
  const [pointed, setPointed] = useState(null);
  const ratios = useMemo(() => columnsOf(samples, [(one) => one.ratio]), [samples]);
  const rates = useMemo(() => {
    return columnsOf(samples, tiers.map(({ name }) => (one) => one.rates[name]));
  }, [samples, tiers]);
  const lines = tiers.map(({ name, title, dash }) => ({ title, dash, color: `--tier-${name}` }));
  const shown = samples[pointed ?? samples.length - 1];
  return html`<section class="panel cache-reads" aria-labelledby="reads">
    <h2 id="reads">Reads of the last ten minutes</h2>
    <div class="cache-charts">
      <h3>Hit ratio</h3>
      <${Chart} label="Hit ratio" lines=${RATIO} columns=${ratios} format=${percent} most=${1} onPoint=${setPointed} />
      <h3>Reads per second, by the tier that answered</h3>
      <${Chart} label="Reads per second" lines=${lines} columns=${rates} format=${rate} onPoint=${setPointed} />
      <p class="muted cache-reading">${shown ? reading(shown, tiers) : "Counting while this page is seen…"}</p>
    </div>
    <${ReadsTable} samples=${samples} tiers=${tiers} />
  </section>`;
}

function reading(sample, tiers) {
  if (sample.isGap) return `${timeToTheSecond(sample.to)}: not counted`;
  const parts = tiers.map(({ name, title }) => `${title} ${rate(sample.rates[name])}`);
  return `${timeToTheSecond(sample.to)}: hit ratio ${percent(sample.ratio)}; ${parts.join(", ")}`;
}

function ReadsTable({ samples, tiers }) {
  return html`<div class="scroll cache-samples" tabindex="0" role="region" aria-label="Reads per second as a table">
    <table>
      <caption>Reads per second</caption>
      <thead>
        <tr>
          <th scope="col">Until</th>
          <th scope="col" class="numeric">Hit ratio</th>
          <th scope="col" class="numeric">All</th>
          ${tiers.map(
            ({ name, title }) => html`<th scope="col" class="numeric" key=${name}>
              <${Line} name=${name} />${title}
            </th>`,
          )}
          <th scope="col" class="numeric">Failed</th>
        </tr>
      </thead>
      <tbody>
        ${samples.toReversed().map((one) => html`<${Sample} key=${one.to} sample=${one} tiers=${tiers} />`)}
        ${samples.length === 0 && html`<tr><td colspan=${tiers.length + 4} class="muted">Nothing counted yet</td></tr>`}
      </tbody>
    </table>
  </div>`;
}

function Sample({ sample, tiers }) {
  const { to, isGap, ratio, total, rates } = sample;
  if (isGap) {
    return html`<tr>
      <th scope="row">${timeToTheSecond(to)}</th>
      <td colspan=${tiers.length + 3} class="muted">not counted: the page was not seen, or a worker started</td>
    </tr>`;
  }
  return html`<tr>
    <th scope="row">${timeToTheSecond(to)}</th>
    <td class="numeric">${percent(ratio)}</td>
    <td class="numeric">${rate(total)}</td>
    ${tiers.map(({ name }) => html`<td class="numeric" key=${name}>${rate(rates[name])}</td>`)}
    <td class="numeric">${rate(rates.failed)}</td>
  </tr>`;
}

/** The line that stands for a tier in the chart. */
function Line({ name }) {
  return html`<svg class="cache-line ${name}" viewBox="0 0 24 4" aria-hidden="true"><path d="M0 2H24" /></svg>`;
}
