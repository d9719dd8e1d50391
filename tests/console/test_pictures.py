"""The pictures in README. ``make pictures`` puts them there; this test makes them, and sees that README's are there."""

from __future__ import annotations

import pytest

from tests.console.browser import SCREENSHOTS, WIDE, Console
from tests.e2e.programs import ACME, READ, ROOT, Gunicorn

IMAGES = ROOT / "docs" / "images"

#: CSS pixels: as much as shows what a page is for.
_HEIGHT = 760

#: Bytes: README is read over slow connections, too.
_MOST_BYTES = 200_000


@pytest.mark.parametrize("name", ["console-deals", "console-deal", "console-activity"])
def test_pictures_of_pages_are_small_and_stand_in_the_documentation(
    console: Console, service: Gunicorn, name: str
) -> None:
    console.look(width=WIDE, height=_HEIGHT)
    if name == "console-deals":
        console.open("/deals")
        console.wait_for("total amount")
    elif name == "console-activity":
        console.open("/activity?since=2026-06-01&until=2026-10-31")
        console.wait_for("Show all on the Deals page")
        console.wait_for("Grace Okafor")
    else:
        console.open(f"/deals/{service.get(READ, dealName=ACME).json()['dealId']}")
        console.wait_for("60 of 60 events")
        console.wait_for("Live")
    picture = console.screenshot(name)
    assert picture == SCREENSHOTS / f"{name}.png"
    assert 20_000 < picture.stat().st_size < _MOST_BYTES
    assert 20_000 < (IMAGES / f"{name}.png").stat().st_size < _MOST_BYTES
    assert f"docs/images/{name}.png" in (ROOT / "README.md").read_text("utf-8")
