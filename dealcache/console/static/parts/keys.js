/** Keys: single letters that do something, and the list of them all behind "?". */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { Store, useStore } from "../app/store.js";

/** All keys in force: objects of a key and {does, run}. The page's own come last and win. */
const inForce = new Store([]);

/**
 * Have keys do something while a part is shown.
 *
 * @param {Object<string, {does: string, run: () => void}>} keys by the key, such as "/"; `does` says what it does.
 */
export function useKeys(keys) {
  const latest = useRef();
  latest.current = keys;
  useEffect(() => {
    inForce.value = [...inForce.value, latest];
    return () => (inForce.value = inForce.value.filter((one) => one !== latest));
  }, []);
}

/** Listens to the keys and lists them; once, in the frame. */
export function Keys() {
  const [isOpen, setOpen] = useState(false);
  useKeys({ "?": { does: "Show all keys", run: () => setOpen(true) } });
  useEffect(() => {
    const press = (event) => {
      // What was searched for can be gone through at once, with "j" and "k" from there.
      const isSearched = event.key === "Enter" && event.target.matches("input[type=search]");
      if (isSearched && !event.isComposing) return merged().j?.run();
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return undefined;
      if (document.querySelector("dialog[open]")) return undefined;
      const found = merged()[event.key];
      if (!found) return undefined;
      event.preventDefault();
      return found.run();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
  useStore(inForce);
  return html`
    <button type="button" class="quiet" aria-label="Keys" title="Keys (?)" onClick=${() => setOpen(true)}>?</button>
    ${isOpen &&
    html`<${Dialog} title="Keys" onClose=${() => setOpen(false)}>
      <dl class="keys">
        ${Object.entries(merged()).map(([key, { does }]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}
      </dl>
      <form method="dialog" class="buttons"><button>Close</button></form>
    </${Dialog}>`}
  `;
}

function merged() {
  return Object.assign({}, ...inForce.value.map((one) => one.current));
}

function isTyping(element) {
  return element.matches("input, select, textarea, [contenteditable]");
}
