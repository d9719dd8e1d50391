/** Dialogs: the browser's own, so that focus stays inside, Escape closes, and the page behind is inert. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Store, useStore } from "../app/store.js";

/** What is asked at present: {title, text, action, isDangerous, settle}; null for nothing. */
const question = new Store(null);

/**
 * Ask once more before something is done.
 *
 * @param {{title: string, text: string, action: string, isDangerous?: boolean}} asked the heading, what it will do, and
 *   the name of the button that does it.
 * @returns {Promise<boolean>} true if it shall be done.
 */
export function confirmed(asked) {
  question.value?.settle(false);
  return new Promise((resolve) => (question.value = { ...asked, settle: resolve }));
}

/** How many dialogs there were: one may stand on another, and each has a heading of its own. */
let dialogs = 0;

/** A modal dialog. `onClose` is called when it was closed by Escape or by a button of the form in it. */
export function Dialog({ title, onClose, children }) {
  const dialog = useRef();
  const [heading] = useState(() => `dialog-title-${++dialogs}`);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    return () => before?.focus?.();
  }, []);
  return html`<dialog ref=${dialog} aria-labelledby=${heading} onClose=${onClose}>
    <h2 id=${heading}>${title}</h2>
    ${children}
  </dialog>`;
}

/** Shows what confirmed() asks; once, in the frame. */
export function Confirmation() {
  const asked = useStore(question);
  const [done, setDone] = useState(0);
  if (!asked) return html``;
  const answer = (value) => {
    question.value = null;
    setDone(done + 1);
    asked.settle(value);
  };
  return html`<${Dialog} key=${done} title=${asked.title} onClose=${() => answer(false)}>
    <p>${asked.text}</p>
    <div class="buttons">
      <button type="button" onClick=${() => answer(false)}>Keep</button>
      <button type="button" class=${asked.isDangerous ? "danger" : "primary"} onClick=${() => answer(true)}>
        ${asked.action}
      </button>
    </div>
  </${Dialog}>`;
}
