/** The timeline as a picture: a lane for each type over time. */

import { html, useMemo, useState } from "../vendor/preact.js";
import { counted, day } from "../app/format.js";
import { useDrag } from "./drag.js";
import { stepped } from "./mark_words.js";
import { dayOf, marksOf, momentOf, startOf, ticksOf, DAY } from "./marks.js";
import { AXIS, EDGE, Grid, Mark, TOP, Today } from "./picture.js";
import { Tip } from "./tip.js";
import { typesOf } from "../parts/types.js";
import { useWidth } from "../parts/width.js";

/** Pixels: from which width on lanes have their labels beside them, and the room for these and for those of bands. */
const WIDE = 560;
const LABELS = 140;
const BANDS = 18;

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
 * @param {Object[]} bands what is behind them, see bandsOf; and `Bands`, which draws it.
 * @param {number[]} domain from when to when.
 * @param {number} now the present moment on the service's clock.
 * @param {Object} view what is looked at.
 * @param {(since: string, until: string) => void} onRange takes days to look at.
 * @param {(id: string) => void} onPick takes the id of an event to show.
 */
export function Chart({ events, all, bands, Bands, domain, now, view, onRange, onPick }) {
  const [box, width] = useWidth();
  const lanes = useMemo(
    () => typesOf(all).filter((type) => !view.types.size || view.types.has(type)),
    [all, view.types],
  );
  const isWide = width >= WIDE;
  const sizes = { left: isWide ? LABELS : EDGE, right: width - EDGE, lane: isWide ? 26 : 42 };
  const x = (at) => sizes.left + ((at - domain[0]) / (domain[1] - domain[0])) * (sizes.right - sizes.left);
  const top = TOP + (bands.length ? BANDS : 0);
  const height = top + lanes.length * sizes.lane + AXIS;
  const yOf = (lane) => top + (lane + 0.5) * sizes.lane + (isWide ? 0 : 8);
  const marks = useMemo(
    () => marksIn(lanes, events, domain, x, now),
    [lanes, events, domain[0], domain[1], width, now],
  );
  const [current, setCurrent] = useState(0);
  const tabStop = Math.min(current, marks.length - 1);

  const pick = (mark) => {
    const [first, last] = [mark.events[0], mark.events.at(-1)].map((event) => event.date_str);
    const isNarrowest = view.since === first && view.until === last;
    if (mark.events.length === 1 || isNarrowest) onPick(mark.events[0].id);
    else onRange(first, last);
  };
  const at = (pixel) =>
    dayOf(domain[0] + ((pixel - sizes.left) / (sizes.right - sizes.left)) * (domain[1] - domain[0] - 1));
  const clamped = (pixel) => Math.min(sizes.right, Math.max(sizes.left, pixel));
  const [drag, dragging] = useDrag(clamped, (from, to) => onRange(at(from), at(to)));
  const press = (event) => {
    const place = placeOf(event.target);
    const isPressed = event.key === "Enter" || event.key === " ";
    const next = place === null ? null : stepped(marks, place, event.key);
    if (place === null || (next === null && !isPressed)) return;
    event.preventDefault();
    if (isPressed) pick(marks[place]);
    else box.current.querySelector(`[data-mark="${next}"]`).focus();
  };
  const drawn = useMemo(
    () =>
      marks.map(
        (mark, place) =>
          html`<${Mark}
            key=${mark.events[0].id}
            mark=${mark}
            place=${place}
            y=${yOf(mark.lane)}
            isChosen=${mark.events.some((event) => event.id === view.event)}
            isTabStop=${place === tabStop}
          />`,
      ),
    [marks, view.event, tabStop, isWide, top],
  );
  return html`<div class="chart" ref=${box}>
    ${
      width > 0 &&
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
        ${bands.length > 0 && html`<${Bands} bands=${bands} domain=${domain} x=${x} top=${TOP} height=${height - TOP - AXIS} />`}
        <${Grid}
          lanes=${lanes}
          ticks=${ticksOf(domain, sizes.right - sizes.left)}
          x=${x}
          yOf=${yOf}
          sizes=${sizes}
          isWide=${isWide}
          height=${height}
        />
        ${now >= domain[0] && now <= domain[1] && html`<${Today} x=${x(now)} sizes=${sizes} height=${height} />`}
        ${drawn} ${drag && html`<${Dragged} drag=${drag} height=${height} />`}
      </svg>`
    }
    <${Tip} box=${box} marks=${marks} />
  </div>`;
}

function marksIn(lanes, events, [from, to], x, now) {
  const shown = events.filter((event) => momentOf(event) >= from && momentOf(event) < to);
  const byType = Map.groupBy(shown, (event) => event.type);
  return lanes.flatMap((type, lane) =>
    marksOf(byType.get(type) ?? [], x, now).map((mark) => ({ ...mark, type, lane })),
  );
}

/** Return the place of the mark that an element belongs to; null for none. */
function placeOf(element) {
  const mark = element.closest?.("[data-mark]");
  return mark ? Number(mark.dataset.mark) : null;
}

function Dragged({ drag: [began, now], height }) {
  return html`<rect
    class="dragged"
    x=${Math.min(began, now)}
    y=${TOP}
    width=${Math.abs(now - began)}
    height=${height - TOP - AXIS}
  />`;
}

function summary(events, lanes, [from, to]) {
  const shown = events.filter((event) => momentOf(event) >= from && momentOf(event) < to);
  const span = `${day(dayOf(from))} to ${day(dayOf(to - 1))}`;
  const lines = `${counted(shown.length, "event")} in ${counted(lanes.length, "lane")} by type`;
  return `${lines}, ${span}. The list below has them all.`;
}
