/** Modules that are fetched when they are needed, and not with the page. */

import { useEffect, useState } from "../vendor/preact.js";

/**
 * Return a module once it is there; null before, and as long as it is not wanted.
 *
 * @param {() => Promise<Object>} load imports it.
 * @param {boolean} isWanted true once it is needed.
 */
export function useModule(load, isWanted) {
  const [module, setModule] = useState(null);
  useEffect(() => void (isWanted && load().then(setModule)), [isWanted]);
  return module;
}
