"""A person at a browser: opens pages of the console, reads them, presses keys, and hears the browser complain."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import JavascriptException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.e2e.programs import ROOT
from tests.waiting import PATIENCE, until

T = TypeVar("T")

SCREENSHOTS = ROOT / "build" / "console"
AXE = ROOT / "build" / "axe" / "axe.min.js"
DRIVER = "/usr/bin/chromedriver"

#: Widths in CSS pixels: a small phone, and a laptop.
NARROW, WIDE = 320, 1280
HEIGHT = 900

#: Roles by which elements are found, as people and screen readers know them.
_SELECTORS = {
    "button": "button, [role=button]",
    "link": "a[href]",
    "heading": "h1, h2, h3",
    "field": "input, select, textarea",
    "row": "tbody tr",
    "dialog": "dialog[open]",
}

_IS_DISPLAYED = (pkgutil.get_data("selenium.webdriver.remote", "isDisplayed.js") or b"").decode()

#: All that are shown, asked of the browser at once: Selenium sends this long function for each element.
_ALL_DISPLAYED = f"""
const isDisplayed = {_IS_DISPLAYED};
return [...document.querySelectorAll(arguments[0])].filter((element) => isDisplayed(element));
"""

#: Keeps all that is said, in each page from its start, as a screen reader hears it: it is shown for seconds alone.
_HEAR = """
window.heard = [];
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) for (const node of addedNodes)
    if (node.parentElement?.closest(".announcement")) window.heard.push(node.textContent);
}).observe(document, { childList: true, subtree: true });
"""

_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
  (found) => done(found.violations.map(
    (one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(" | ")}`)),
  (error) => done([`axe failed: ${error}`]));
"""


def start_chromium() -> webdriver.Chrome:
    """Start a headless Chromium that keeps a log and all requests."""
    options = webdriver.ChromeOptions()
    # As root there is no sandbox; in a container /dev/shm may be small.
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en-GB"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(DRIVER))


class Console:
    """The console of one service in one browser.

    Args:
        driver: the browser.
        url: the service.
    """

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def listen(self) -> None:
        """Hear what is said in the pages that are opened in this tab from now on."""
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _HEAR})

    def open(self, path: str = "/deals") -> None:
        """Open a page by its path within the console, as by a link from outside."""
        self.driver.get(f"{self.url}/console{path}")
        self.wait(lambda: self.driver.find_elements(By.CSS_SELECTOR, "main *"))

    def look(self, *, width: int = WIDE, height: int = HEIGHT, dark: bool = False, reduced_motion: bool = True) -> None:
        """See pages in a window of some size, in the light or the dark."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def disconnect(self, *, offline: bool = True) -> None:
        """Take the network away, or give it back."""
        conditions = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    @property
    def text(self) -> str:
        """All text that the page shows."""
        return self.driver.find_element(By.TAG_NAME, "body").text

    @property
    def address(self) -> str:
        """The path in the address bar, without the service's URL."""
        return self.driver.current_url.removeprefix(f"{self.url}/console")

    def wait(self, condition: Callable[[], T], seconds: float = PATIENCE) -> T:
        """Wait for a condition, and return what made it true; the page may be drawn again meanwhile."""

        def holds() -> T | None:
            try:
                return condition()
            except (StaleElementReferenceException, JavascriptException):
                return None

        return until(holds, seconds)

    def wait_for(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until the page shows a text."""
        try:
            self.wait(lambda: text in self.text, seconds)
        except AssertionError:
            raise AssertionError(f"{text!r} is not shown, but: {self.text}") from None

    def wait_to_hear(self, text: str) -> None:
        """Wait until a text has been said, even if it is not shown any more."""
        try:
            self.wait(lambda: any(text in said for said in self.heard))
        except AssertionError:
            raise AssertionError(f"{text!r} is not said, but: {self.heard}") from None

    @property
    def heard(self) -> list[str]:
        """All that has been said since the page was opened."""
        return self.script("return window.heard")

    def wait_for_no(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until the page does not show a text any more."""
        self.wait(lambda: text not in self.text, seconds)

    def all(self, role: str, name: str | None = None) -> list[WebElement]:
        """Return all elements of a role that are shown, those of an accessible name if one is given."""
        found = self.script(_ALL_DISPLAYED, _SELECTORS[role])
        return found if name is None else [one for one in found if one.accessible_name == name]

    def the(self, role: str, name: str | None = None) -> WebElement:
        """Return the one element of a role and an accessible name, once it is there."""

        def only() -> WebElement | None:
            found = self.all(role, name)
            assert len(found) < 2, f"{len(found)} of {role} {name!r}"
            return found[0] if found else None

        try:
            return self.wait(only)
        except AssertionError as error:
            names = [one.accessible_name for one in self.all(role)]
            raise AssertionError(f"no {role} {name!r} ({error}), but {names}") from None

    def press(self, name: str, role: str = "button") -> None:
        """Press the button of that name."""
        self.the(role, name).click()

    def keys(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def close_dialog(self) -> None:
        """Press Escape until no dialog is open: a key that comes while the window is still being sized may be lost."""
        self.wait(lambda: not self.all("dialog") or self.keys(Keys.ESCAPE))

    def fill(self, name: str, value: str) -> None:
        """Write into the field of that name, in place of what is there."""
        field = self.the("field", name)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(value or Keys.DELETE)

    def complaints(self) -> list[str]:
        """Return what the browser complained of since the last call: errors, failed requests, breaches of policy."""
        return [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]

    def hosts(self) -> set[str]:
        """Return the hosts that were asked for anything since the last call."""
        asked = set()
        for line in self.driver.get_log("performance"):
            message = json.loads(line["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.add(message["params"]["request"]["url"].partition("://")[2].partition("/")[0])
        return {host for host in asked if host}

    def barriers(self) -> list[str]:
        """Return what axe-core finds wrong with the page as it is shown now."""
        if not self.script("return 'axe' in window"):
            self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text("utf-8")})
        return self.driver.execute_async_script(_AXE)

    def overflows(self) -> bool:
        """Return True if the page can be scrolled sideways."""
        return self.script("return document.documentElement.scrollWidth > document.documentElement.clientWidth")

    def script(self, text: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(text, *arguments)

    def screenshot(self, name: str) -> Path:
        """Save a picture of what is seen, and return its path."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.driver.save_screenshot(str(path))
        return path

    def inspect(self, name: str) -> None:
        """Look at the page as it is, light and dark, narrow and wide: pictures of it, and nothing wrong with it."""
        for dark in (False, True):
            for width in (NARROW, WIDE):
                self.look(width=width, dark=dark)
                self.screenshot(f"{name}-{width}-{'dark' if dark else 'light'}")
                barriers = self.barriers()
                assert barriers == [], f"{name}, {width} px, {'dark' if dark else 'light'}: {barriers}"
                assert not self.overflows(), f"{name} at {width} px can be scrolled sideways"
        self.look()
