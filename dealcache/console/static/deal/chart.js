/** The timeline as a picture: a lane for each type over time. */

import { html, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { count, counted, day } from "../app/format.js";
import { useDrag } from "./drag.js";
import { labelOf, stepped } from "./mark_words.js";
import { dayOf, marksOf, momentOf, startOf, ticksOf, DAY } from "./marks.js";
import { Tip } from "./tip.js";
import { tone, typesOf } from "./types.js";

/** Pixels: from which width on lanes have their labels beside them, and the sizes of what is in the picture. */
const WIDE = 560;
const LABELS = 140;
const TOP = 22;
const AXIS = 24;
const EDGE = 14;

const TICKS = {
  hour: { hour: "2-digit", minute: "2-digit" },
  day: { day: "numeric", month: "short" },
  month: { month: "short", year: "numeric" },
  year: { year: "numeric" },
};
for (const unit of Object.keys(TICKS)) {
  TICKS[unit] = new Intl.DateTimeFormat(navigator.languages, { ...TICKS[unit], timeZone: "UTC" });
}

/** Return from when to when a chart shows events: the days looked at, else all events and today. */
export function domainOf(events, { since, until }, now) {
  const first = Math.min(now, ...(events.length ? [momentOf(events[0])] : []));
  const last = Math.max(now, ...(events.length ? [momentOf(events.at(-1))] : []));
  const room = Math.max(DAY / 2, (last - first) * 0.015);
  const from = since ? startOf(since) : first - room;
  const to = until ? startOf(until) + DAY : last + room;
  return to > from ? [from, to] : [from, from + DAY];
}

/**
 * The picture.
 *
 * @param {Object[]} events those of the types and the search, oldest first.
 * @param {Object} all all events of the deal: their types are the lanes.
 * @param {number[]} domain from when to when.
 * @param {number} now the present moment on the service's clock.
 * @param {Object} view what is looked at.
 * @param {(since: string, until: string) => void} onRange takes days to look at.
 * @param {(id: string) => void} onPick takes the id of an event to show.
 */
export function Chart({ events, all, domain, now, view, onRange, onPick }) {
  const [box, width] = useWidth();
  const lanes = useMemo(() => typesOf(all).filter((type) => !view.types.size || view.types.has(type)), [all, view.types]);
  const isWide = width >= WIDE;
  const sizes = { left: isWide ? LABELS : EDGE, right: width - EDGE, lane: isWide ? 26 : 42 };
  const x = (at) => sizes.left + ((at - domain[0]) / (domain[1] - domain[0])) * (sizes.right - sizes.left);
  const height = TOP + lanes.length * sizes.lane + AXIS;
  const yOf = (lane) => TOP + (lane + 0.5) * sizes.lane + (isWide ? 0 : 8);
  const marks = useMemo(() => marksIn(lanes, events, domain, x, now), [lanes, events, domain[0], domain[1], width, now]);
  const [current, setCurrent] = useState(0);
  const tabStop = Math.min(current, marks.length - 1);

  const pick = (mark) => {
    const [first, last] = [mark.events[0], mark.events.at(-1)].map((event) => event.date_str);
    const isNarrowest = view.since === first && view.until === last;
    if (mark.events.length === 1 || isNarrowest) onPick(mark.events[0].id);
    else onRange(first, last);
  };
  const at = (pixel) => dayOf(domain[0] + ((pixel - sizes.left) / (sizes.right - sizes.left)) * (domain[1] - domain[0] - 1));
  const clamped = (pixel) => Math.min(sizes.right, Math.max(sizes.left, pixel));
  const [drag, dragging] = useDrag(clamped, (from, to) => onRange(at(from), at(to)));
  const press = (event) => {
    const place = placeOf(event.target);
    if (place === null) return;
    if (event.key === "Enter" || event.key === " ") pick(marks[place]);
    const next = stepped(marks, place, event.key);
    if (next === null && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (next !== null) box.current.querySelector(`[data-mark="${next}"]`).focus();
  };
  const drawn = useMemo(
    () => marks.map((mark, place) => html`<${Mark} key=${mark.events[0].id} mark=${mark} place=${place} y=${yOf(mark.lane)} isChosen=${mark.events.some((event) => event.id === view.event)} isTabStop=${place === tabStop} />`),
    [marks, view.event, tabStop, isWide],
  );
  return html`<div class="chart" ref=${box}>
    ${width > 0 &&
    html`<svg
      role="group"
      aria-label=${summary(events, lanes, domain)}
      width=${width}
      height=${height}
      onClick=${({ target }) => placeOf(target) !== null && pick(marks[placeOf(target)])}
      onKeyDown=${press}
      onFocusIn=${({ target }) => placeOf(target) !== null && setCurrent(placeOf(target))}
      ...${dragging}
    >
      <${Grid} lanes=${lanes} ticks=${ticksOf(domain, sizes.right - sizes.left)} x=${x} yOf=${yOf} sizes=${sizes} isWide=${isWide} height=${height} />
      ${now >= domain[0] && now <= domain[1] && html`<${Today} x=${x(now)} sizes=${sizes} height=${height} />`}
      ${drawn}
      ${drag && html`<rect class="dragged" x=${Math.min(...drag)} y=${TOP} width=${Math.abs(drag[1] - drag[0])} height=${height - TOP - AXIS} />`}
    </svg>`}
    <${Tip} box=${box} marks=${marks} />
  </div>`;
}

function marksIn(lanes, events, [from, to], x, now) {
  const shown = events.filter((event) => momentOf(event) >= from && momentOf(event) < to);
  const byType = Map.groupBy ? Map.groupBy(shown, (event) => event.type) : grouped(shown);
  return lanes.flatMap((type, lane) => marksOf(byType.get(type) ?? [], x, now).map((mark) => ({ ...mark, type, lane })));
}

function grouped(events) {
  const groups = new Map();
  for (const event of events) groups.set(event.type, [...(groups.get(event.type) ?? []), event]);
  return groups;
}

/** Return the place of the mark that an element belongs to; null for none. */
function placeOf(element) {
  const mark = element.closest?.("[data-mark]");
  return mark ? Number(mark.dataset.mark) : null;
}

function Mark({ mark, place, y, isChosen, isTabStop }) {
  const { x, half, events, isPlanned } = mark;
  const classes = ["mark", tone(mark.type), isPlanned ? "is-planned" : "", isChosen ? "is-chosen" : ""];
  return html`<g class=${classes.filter(Boolean).join(" ")} data-mark=${place} role="button" tabindex=${isTabStop ? 0 : -1} aria-label=${labelOf(mark)} transform="translate(${x.toFixed(1)} ${y})">
    ${isChosen && html`<rect class="ring" x=${-half - 4} y="-12.5" width=${2 * half + 8} height="25" rx="12.5" />`}
    ${events.length === 1
      ? html`<circle r=${isPlanned ? half - 1 : half} />`
      : html`<rect x=${-half} y="-8.5" width=${2 * half} height="17" rx="8.5" /><text dy="0.35em">${events.length}</text>`}
  </g>`;
}

function Grid({ lanes, ticks, x, yOf, sizes, isWide, height }) {
  return html`<g aria-hidden="true">
    ${ticks.map(
      ({ at, unit }) => html`<line class="tick" x1=${x(at)} x2=${x(at)} y1=${TOP} y2=${height - AXIS} />
        <text class="tick-label" x=${Math.min(sizes.right - 24, Math.max(24, x(at)))} y=${height - 7}>${TICKS[unit].format(at)}</text>`,
    )}
    ${lanes.map(
      (type, lane) => html`<line class="lane-line" x1=${sizes.left} x2=${sizes.right} y1=${yOf(lane)} y2=${yOf(lane)} />
        <text class="lane-label" x="0" y=${isWide ? yOf(lane) + 4 : yOf(lane) - 14}>${type}</text>`,
    )}
  </g>`;
}

function Today({ x, sizes, height }) {
  return html`<g aria-hidden="true">
    <line class="today" x1=${x} x2=${x} y1=${TOP - 4} y2=${height - AXIS} />
    <text class="today-label" x=${Math.min(sizes.right - 16, Math.max(sizes.left + 16, x))} y=${TOP - 9}>Today</text>
  </g>`;
}

function summary(events, lanes, [from, to]) {
  const shown = events.filter((event) => momentOf(event) >= from && momentOf(event) < to);
  const span = `${day(dayOf(from))} to ${day(dayOf(to - 1))}`;
  return `${counted(shown.length, "event")} in ${count(lanes.length)} lanes by type, ${span}. The list below has them all.`;
}

/** Return a reference for an element, and its width in pixels. */
function useWidth() {
  const box = useRef();
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setWidth(Math.floor(box.current.clientWidth));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return [box, width];
}
