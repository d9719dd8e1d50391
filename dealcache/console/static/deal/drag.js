/** Drags over a picture, to take a part of it. */

import { useRef, useState } from "../vendor/preact.js";

/** Pixels from which on a press is a drag. */
const LEAST = 6;

/**
 * Follow drags from side to side.
 *
 * @param {(pixel: number) => number} clamped keeps a place within the picture.
 * @param {(from: number, to: number) => void} onDone takes where a drag began and ended, the left one first.
 * @returns {[number[]|null, Object]} the present drag, and the listeners for the picture.
 */
export function useDrag(clamped, onDone) {
  const [drag, setDrag] = useState(null);
  const began = useRef(null);
  const place = (event) => clamped(event.clientX - event.currentTarget.getBoundingClientRect().left);
  const end = () => {
    began.current = null;
    setDrag(null);
  };
  return [
    drag,
    {
      onPointerDown: (event) => event.button === 0 && (began.current = place(event)),
      onPointerMove: (event) => {
        if (began.current === null) return;
        const now = place(event);
        if (drag === null && Math.abs(now - began.current) < LEAST) return;
        // Only now, so that a mere click still goes to what it is on.
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag([began.current, now]);
      },
      onPointerUp: () => {
        if (drag) onDone(Math.min(...drag), Math.max(...drag));
        end();
      },
      onPointerCancel: end,
      onPointerLeave: () => drag === null && end(),
    },
  ];
}
