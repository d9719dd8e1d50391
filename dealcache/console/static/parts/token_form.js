/** Asks for a token when the service wants one. */

import { html, useEffect, useRef } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { useStore } from "../app/store.js";
import { answer, asked } from "../app/token.js";

const TITLES = { read: "This service asks for a token", admin: "This needs the admin token" };

/** The form, if a token is asked for; once, in the frame. */
export function TokenForm() {
  const question = useStore(asked);
  if (!question) return html``;
  return html`<${Dialog} key=${question} title=${TITLES[question.right]} onClose=${() => asked.value && answer(null)}>
    <${Form} question=${question} />
  </${Dialog}>`;
}

function Form({ question }) {
  const field = useRef();
  useEffect(() => field.current.focus(), []);
  const submit = (event) => {
    event.preventDefault();
    const value = field.current.value.trim();
    if (value) answer(value);
  };
  return html`<form onSubmit=${submit}>
    ${question.refused && html`<p class="bad" role="alert">${question.refused}</p>`}
    <label for="token">Token</label>
    <input id="token" ref=${field} type="password" autocomplete="off" required aria-describedby="token-note" />
    <p id="token-note" class="muted">It is kept for this tab alone and sent as a bearer token.</p>
    <div class="buttons">
      <button type="button" onClick=${() => answer(null)}>Cancel</button>
      <button class="primary">Use token</button>
    </div>
  </form>`;
}
