/** What is under the pointer or has the focus in the chart, in words beside it. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { linesOf } from "./mark_words.js";

const AWAY = 14;

/** The words. Its own part, so that a moving pointer draws nothing else again. */
export function Tip({ box, marks }) {
  const tip = useRef();
  const [place, setPlace] = useState(null);
  useEffect(() => setPlace(null), [marks]);
  useEffect(() => {
    const chart = box.current;
    const enter = ({ target }) => {
      const mark = target.closest?.("[data-mark]");
      setPlace(mark ? Number(mark.dataset.mark) : null);
    };
    const leave = () => setPlace(null);
    const press = (event) => event.key === "Escape" && leave();
    const listeners = { pointerover: enter, focusin: enter, pointerleave: leave, focusout: leave, keydown: press };
    for (const [type, listen] of Object.entries(listeners)) chart.addEventListener(type, listen);
    return () => {
      for (const [type, listen] of Object.entries(listeners)) chart.removeEventListener(type, listen);
    };
  }, []);
  const mark = place === null ? undefined : marks[place];
  useLayoutEffect(() => {
    if (!mark) return;
    const shape = box.current.querySelector(`[data-mark="${place}"]`).getBoundingClientRect();
    const around = box.current.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = tip.current;
    const left = shape.left + shape.width / 2 - around.left - width / 2;
    const above = shape.top - around.top - height - AWAY / 2;
    tip.current.style.left = `${Math.max(0, Math.min(around.width - width, left))}px`;
    tip.current.style.top = `${above < 0 ? shape.bottom - around.top + AWAY / 2 : above}px`;
  }, [mark, place]);
  if (!mark) return html``;
  const [when, kind, about] = linesOf(mark);
  return html`<div class="mark-tip" ref=${tip} aria-hidden="true">
    <p><span class="muted">${when}</span> · ${kind}</p>
    <p class="mark-about" dir="auto">${about}</p>
  </div>`;
}
