/** The width of an element, for what is drawn in pixels. */

import { useLayoutEffect, useRef, useState } from "../vendor/preact.js";

/** Return a reference for an element, and its width in pixels. */
export function useWidth() {
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
