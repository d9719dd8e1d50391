/** Lines over time on a canvas. uPlot draws them; it is fetched when the first chart is shown. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { time } from "../app/format.js";
import { styled } from "../app/styles.js";
import { WINDOW } from "./samples.js";

const HEIGHT = 150;

/** The fewest seconds that the scale of times covers. */
const SHORTEST = 120;

let fetching = null;

/**
 * A chart of the last minutes. A canvas says nothing to a screen reader: a table has to have the same numbers.
 *
 * @param {string} label names it.
 * @param {{title: string, color: string, dash: number[]}[]} lines `color` is a custom property.
 * @param {number[][]} columns the times in seconds, then the values of each line; null for none.
 * @param {(value: number) => string} format writes a value.
 * @param {number|null} most the end of the scale; null: as the values need.
 * @param {(index: number|null) => void} onPoint takes the index of the time that is pointed at; null for none.
 */
export function Chart({ label, lines, columns, format, most = null, onPoint }) {
  const place = useRef();
  const plot = useRef(null);
  const latest = useRef();
  latest.current = { lines, columns, format, most, onPoint };
  const [error, setError] = useState(null);

  useEffect(() => {
    let isShown = true;
    const draw = async () => {
      const Plot = await fetchPlot();
      if (!isShown) return;
      plot.current?.destroy();
      plot.current = new Plot(optionsOf(latest, place.current), latest.current.columns, place.current);
    };
    const fit = () => plot.current?.setSize({ width: place.current.clientWidth, height: HEIGHT });
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const size = new ResizeObserver(fit);
    draw().catch(setError);
    scheme.addEventListener("change", draw);
    size.observe(place.current);
    return () => {
      isShown = false;
      scheme.removeEventListener("change", draw);
      size.disconnect();
      plot.current?.destroy();
    };
  }, [lines.length]);
  useEffect(() => plot.current?.setData(columns), [columns]);

  if (error) return html`<p class="muted">${error.message}</p>`;
  return html`<div class="chart" role="img" aria-label=${label} ref=${place}></div>`;
}

/** Return a promise of uPlot: a script that sets a global, and no module. */
function fetchPlot() {
  fetching ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${document.documentElement.dataset.assets}/vendor/uplot.js`;
    script.onload = () => resolve(window.uPlot);
    script.onerror = () => {
      fetching = null;
      reject(new Error("The chart could not be loaded. The table has the same numbers."));
    };
    document.head.append(script);
  });
  return Promise.all([fetching, styled("vendor/uplot.css")]).then(([Plot]) => Plot);
}

function optionsOf(latest, place) {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const grid = { stroke: color("--line"), width: 1 };
  const axis = { stroke: color("--muted"), grid, ticks: grid, font: `12px ${style.fontFamily}` };
  const { lines, format, most } = latest.current;
  const series = lines.map((line) => ({ label: line.title, stroke: color(line.color), width: 2, dash: line.dash }));
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: {
      x: { range: (plot) => span(plot.data[0][0]) },
      y: { range: (_, least, highest) => [0, most ?? Math.max(1, highest * 1.1)] },
    },
    axes: [
      { ...axis, space: 70, incrs: [60, 120, 300], values: (_, seconds) => seconds.map((one) => time(one * 1_000)) },
      { ...axis, size: 56, space: 30, values: (_, values) => values.map(format) },
    ],
    series: [{}, ...series],
    hooks: { setCursor: [({ cursor }) => latest.current.onPoint(cursor.idx ?? null)] },
  };
}

/** Return the ends of the scale of times, in seconds: few minutes are not drawn at the edge of an empty chart. */
function span(first) {
  const now = Date.now() / 1_000;
  return [Math.max(now - WINDOW / 1_000, Math.min(first ?? now, now - SHORTEST)), now];
}
