/** One deal: its facts, its timeline as a picture and as a list, and where they came from. */

import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { online } from "../app/api.js";
import { count, dealName } from "../app/format.js";
import { useModule } from "../app/module.js";
import { address } from "../app/router.js";
import { useStatus } from "../app/service.js";
import { useStore } from "../app/store.js";
import { Bars } from "../parts/bars.js";
import { Empty, Failure, Loading } from "../parts/states.js";
import { Chart, domainOf } from "./chart.js";
import { useDeal } from "./data.js";
import { Head } from "./head.js";
import { List } from "./list.js";
import { clockOf } from "./marks.js";
import { Range } from "./range.js";
import { Still } from "./still.js";
import { tone, typesOf } from "../parts/types.js";
import { chosen, toggled, useView } from "./view.js";

const MINUTE = 60_000;

/** The page; `argument` is HubSpot's id of the deal. */
export function Page({ argument: id }) {
  const deal = useDeal(id, useStatus()?.stage_history === true);
  const [view, change] = useView();
  const { info, timeline } = deal;
  const facts = info.data?.content;
  const name = facts ? dealName(facts.dealId, facts.dealName) : `Deal ${id}`;
  const isUnknown = [404, 422].includes(info.error?.status) && info.data === null;
  useEffect(() => {
    document.title = `${isUnknown ? "No such deal" : name} · dealcache`;
  }, [name, isUnknown]);
  const isOnline = useStore(online);
  if (isUnknown) {
    return html`<${Empty} isPage title="There is no deal with this id.">
      Neither HubSpot nor what is stored has a deal <code>${id}</code>.${" "}
      <a href=${address("/deals")}>Look at the deals</a>
    </${Empty}>`;
  }
  const isOld = !isOnline || info.error !== null || timeline.error !== null;
  return html`<${Still} data=${timeline.data?.content}>
    <div class=${isOld ? "deal is-old" : "deal"}>
      <${Head} id=${id} deal=${deal} view=${view} />
      ${facts && facts.dealId !== id && html`<${Merged} id=${id} into=${facts.dealId} />`}
      <${Failures} info=${info} timeline=${timeline} />
      ${
        timeline.data
          ? html`<${Events}
              events=${timeline.data.content.events}
              stages=${deal.stages}
              added=${deal.news.added}
              view=${view}
              change=${change}
            />`
          : (timeline.isLoading || info.isLoading) && !timeline.error && html`<${Loading} what="the deal" />`
      }
    </div>
  </${Still}>`;
}

/** Says that HubSpot has the deal under another id: links to the old one lead here. */
function Merged({ id, into }) {
  return html`<p class="notice" role="status">
    <span>
      Deal ${id} was merged: HubSpot has it as deal <a href=${address(`/deals/${into}`)}>${into}</a>, which is shown.
    </span>
  </p>`;
}

/** Why something could not be read; once, if it is the same for both. */
function Failures({ info, timeline }) {
  const retry = () => {
    info.reload();
    timeline.reload();
  };
  if ([info, timeline].some(({ error, data }) => error?.status === 404 && data !== null)) {
    return html`<p class="notice" role="alert">This deal is not in HubSpot any more. What is shown is of before.</p>`;
  }
  // Of no answer at all the frame's bar tells: what is read stays where it is.
  const isTold = ({ error, data }) => error !== null && (error.status !== 0 || data === null);
  const errors = [info, timeline].filter(isTold).map(({ error }) => error);
  const different = errors.filter((error, place) => errors.findIndex((one) => one.message === error.message) === place);
  return different.map((error) => html`<${Failure} key=${error.message} error=${error} retry=${retry} />`);
}

function Events({ events, stages, added, view, change }) {
  const zone = useStatus()?.time_zone ?? "UTC";
  const now = useClock(zone);
  const [picked, setPicked] = useState({ id: null, times: 0 });
  const shown = useMemo(() => chosen(events, view), [events, view]);
  const domain = domainOf(events, view, now);
  const history = stages.data?.content;
  // Only services that know the history of stages need this.
  const drawn = useModule(() => import("./stages.js"), stages.data !== null || stages.error !== null);
  const bands = useMemo(() => (drawn && history ? drawn.bandsOf(history, zone, now) : []), [drawn, history, zone, now]);
  const pick = (id) => {
    change({ event: id });
    setPicked(({ times }) => ({ id, times: times + 1 }));
  };
  return html`
    ${
      events.length > 0 &&
      html`<div class="deal-top">
        <section class="panel" aria-labelledby="types-title">
          <h2 id="types-title">Types</h2>
          <${Bars}
            label="Types of events"
            rows=${rowsOf(events, shown.counted)}
            chosen=${view.types}
            onToggle=${(type) => change({ types: toggled(view.types, type) })}
          />
        </section>
        <section class="panel" aria-labelledby="chart-title">
          <div class="chart-head">
            <h2 id="chart-title">Timeline</h2>
            <${Range} view=${view} change=${change} events=${events} domain=${domain} now=${now} />
          </div>
          <${Chart}
            events=${shown.charted}
            all=${events}
            bands=${bands}
            Bands=${drawn?.Bands}
            domain=${domain}
            now=${now}
            view=${view}
            onRange=${(since, until) => change({ since, until })}
            onPick=${pick}
          />
          <p class="chart-note muted">
            Hollow marks are planned. A number stands for so many events. Drag over the picture for a part of it.
            ${bands.length > 0 && " The bands behind it are the stages that the deal was in."}
          </p>
        </section>
      </div>`
    }
    ${drawn && html`<${drawn.Stages} stages=${stages} />`}
    <${List}
      all=${events}
      events=${shown.listed}
      view=${view}
      change=${change}
      added=${added}
      now=${now}
      picked=${picked}
    />
  `;
}

/** Return the bars: how many events of each type there are, and how many of them the search and the days leave. */
function rowsOf(events, left) {
  const numbers = (some) => some.reduce((all, { type }) => all.set(type, (all.get(type) ?? 0) + 1), new Map());
  const [total, shown] = [numbers(events), numbers(left)];
  return typesOf(events).map((type) => {
    const [value, of] = [shown.get(type) ?? 0, total.get(type)];
    const text = left.length === events.length ? count(of) : `${count(value)} of ${count(of)}`;
    return { key: type, label: type, value, text, tone: tone(type) };
  });
}

/** Return the present moment on the clock of a zone, renewed each minute. */
function useClock(zone) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && tick((times) => times + 1), MINUTE);
    return () => clearInterval(timer);
  }, []);
  return Math.floor(clockOf(zone) / MINUTE) * MINUTE;
}
