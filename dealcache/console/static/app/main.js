/** The entry: the frame with the page that the address names. */

import { html, render, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { Frame } from "../parts/frame.js";
import { Failure, Loading, Empty } from "../parts/states.js";
import { PATIENCE } from "./load.js";
import { address, startRouter, useRoute } from "./router.js";
import { styled } from "./styles.js";

/** The pages by the first segment of their paths. Modules and styles of others are fetched when they are opened. */
const PAGES = {
  deals: () => import("../deals/page.js"),
  deal: () => import("../deal/page.js"),
  activity: () => import("../activity/page.js"),
  syncs: () => import("../syncs/page.js"),
  cache: () => import("../cache/page.js"),
  status: () => import("../status/page.js"),
};

const loaded = new Map();

function App() {
  const { path } = useRoute();
  const shown = useRef(path);
  useEffect(() => {
    // As after any link: the keyboard and screen readers go on at the new page's beginning.
    if (path !== shown.current) document.getElementById("main").focus({ preventScroll: true });
    shown.current = path;
  }, [path]);
  const [, first, ...rest] = path.split("/");
  const name = first === "deals" && rest.length === 1 ? "deal" : rest.length === 0 ? first : "";
  return html`<${Frame} current=${first}><${Page} key=${path} name=${name} argument=${rest[0]} /></${Frame}>`;
}

function Page({ name, argument }) {
  const [View, setView] = useState(() => loaded.get(name) ?? null);
  const [error, setError] = useState(null);
  const [isLate, setLate] = useState(false);
  useLayoutEffect(() => {
    if (View || !PAGES[name]) return undefined;
    const patience = setTimeout(() => setLate(true), PATIENCE);
    Promise.all([PAGES[name](), styled(`${name}/${name}.css`)]).then(
      ([module]) => {
        loaded.set(name, module.Page);
        setView(() => module.Page);
      },
      // Another release was installed: its pages have other modules. Or the service is away.
      () => setError(new Error("This page could not be loaded. Reload it to get the present release.")),
    );
    return () => clearTimeout(patience);
  }, [name]);
  if (!Object.hasOwn(PAGES, name)) return html`<${NoSuchPage} />`;
  if (error) return html`<${Failure} error=${error} retry=${() => location.reload()} />`;
  if (View) return html`<${View} argument=${argument === undefined ? null : decoded(argument)} />`;
  return isLate ? html`<${Loading} />` : html``;
}

function NoSuchPage() {
  return html`<${Empty} isPage title="There is no such page.">
    <a href=${address("/deals")}>Look at the deals</a>
  </${Empty}>`;
}

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

startRouter();
const app = document.getElementById("app");
app.replaceChildren(); // what the document says while there are no modules
render(html`<${App} />`, app);
