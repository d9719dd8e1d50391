/** The address: which page it names, and its query. The state of every page that a link should keep stands in it. */

import { useEffect, useState } from "../vendor/preact.js";

const ROOT = `${document.documentElement.dataset.base}/console`;
const listeners = new Set();

/** Return the present route: the path within the console, such as "/deals/7", and the query. */
export function route() {
  return { path: location.pathname.slice(ROOT.length) || "/", query: new URLSearchParams(location.search) };
}

/**
 * Return the address of a page for a link.
 *
 * @param {string} path the path within the console.
 * @param {Object<string, string|string[]>} query the parameters; empty ones are left out.
 */
export function address(path, query = {}) {
  const search = parameters(query).toString();
  return ROOT + path + (search && `?${search}`);
}

/** Return parameters as URLSearchParams: an array becomes one for each of its values, empty values are left out. */
export function parameters(query) {
  const result = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") result.append(name, one);
    }
  }
  return result;
}

/**
 * Go to a page.
 *
 * @param {string} path the path within the console.
 * @param {Object} query as for address.
 * @param {{replace?: boolean}} how replace: true to leave no entry in the history, as for each letter of a search.
 */
export function go(path, query = {}, { replace = false } = {}) {
  const to = address(path, query);
  if (to === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  tell();
}

/** Render again whenever the address changes; return the present route. */
export function useRoute() {
  const [present, setPresent] = useState(route);
  useEffect(() => {
    const listen = () => setPresent(route());
    listeners.add(listen);
    return () => listeners.delete(listen);
  }, []);
  return present;
}

/** Begin to follow links and the history's buttons. Called once. */
export function startRouter() {
  addEventListener("popstate", tell);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (link && isOurs(link, event)) {
      event.preventDefault();
      if (link.href !== location.href) {
        history.pushState(null, "", link.href);
        scrollTo(0, 0);
        tell();
      }
    }
  });
}

function isOurs(link, event) {
  const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  const inside = link.origin === location.origin && link.pathname.startsWith(`${ROOT}/`);
  return plain && inside && !event.defaultPrevented && !link.target && !link.hasAttribute("download");
}

function tell() {
  for (const listen of listeners) listen();
}
