/** The frame of every page: navigation, the age of the data, bars for what is wrong with the connection, dialogs. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { online } from "../app/api.js";
import { duration, exactly } from "../app/format.js";
import { address } from "../app/router.js";
import { StatusWatch, dataAge, useStatus } from "../app/service.js";
import { useStore } from "../app/store.js";
import { asked } from "../app/token.js";
import { Announcement } from "./announce.js";
import { Confirmation } from "./dialog.js";
import { Keys } from "./keys.js";
import { TokenForm } from "./token_form.js";

const LINKS = [
  ["deals", "Deals"],
  ["activity", "Activity"],
  ["syncs", "Syncs"],
  ["cache", "Cache"],
  ["status", "Status"],
];

/** Wraps a page; `current` is the first segment of its path. */
export function Frame({ current, children }) {
  return html`
    <a class="skip" href="#main">Skip to the content</a>
    <header class="top">
      <a class="brand" href=${address("/deals")}>dealcache</a>
      <nav aria-label="Pages">
        ${LINKS.map(([path, label]) => html`<a href=${address(`/${path}`)} aria-current=${current === path ? "page" : null}>${label}</a>`)}
      </nav>
      <${DataAge} />
      <${Keys} />
    </header>
    <${OfflineBar} />
    <main id="main" tabindex="-1">${children}</main>
    <${Announcement} />
    <${Confirmation} />
    <${TokenForm} />
    <${StatusWatch} />
    <footer><${Footer} /></footer>
  `;
}

function DataAge() {
  const status = useStatus();
  const now = useNow(status !== null);
  const age = dataAge(status, now);
  if (age === null) return html`<span class="age"></span>`;
  return html`<a class="age" href=${address("/status")} title=${exactly(status.data.as_of)}>
    Data ${duration(Math.round(age))} old
  </a>`;
}

function OfflineBar() {
  const isOnline = useStore(online);
  const status = useStatus();
  if (isOnline) return html``;
  return html`<p class="bar" role="alert">
    Offline: the service cannot be reached. ${status ? "What is shown is of before; " : ""}it is tried again by itself.
  </p>`;
}

function Footer() {
  const status = useStatus();
  const question = useStore(asked);
  return html`
    <span>dealcache ${status?.version ?? ""}</span>
    ${status && html`<span>Days are days of ${status.time_zone}</span>`}
    <a href="${document.documentElement.dataset.base}/api/docs">API documentation</a>
    ${question && html`<span>A token is asked for</span>`}
  `;
}

/** Return the present time in milliseconds, renewed each second while `isTicking`. */
export function useNow(isTicking = true) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isTicking) return undefined;
    const timer = setInterval(() => !document.hidden && setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [isTicking]);
  return now;
}
