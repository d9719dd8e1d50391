"""The report is one file that holds all of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from benchmarks.deployed import Place
from benchmarks.load.mix import ADMINS
from benchmarks.load.page import page_of, shown_milliseconds
from benchmarks.load.plots import plots_of
from benchmarks.load.samples import Run
from benchmarks.load.series import TIERS, series_of
from benchmarks.load.session import content_of
from benchmarks.load.settings import LoadSettings
from benchmarks.load.smoke import shortcomings
from benchmarks.load.target import Target
from tests.unit.load.runs import arrival, run_of, sample

SETTINGS = LoadSettings(Place("http://127.0.0.1:8000", "secret-token", "secret-admin-token"))
TARGET = Target(("Acme",), {"Version": "dealcache <1>"}, ADMINS)


@pytest.fixture(scope="module")
def run() -> Run:
    samples = [sample(due, 0.01 * (1 + place), tier=tier) for due in range(5) for place, tier in enumerate(TIERS)]
    return run_of(*samples, sample(2.0, status=503, fault="503"), arrivals=[arrival(1.0)], seconds=5.0)


@pytest.fixture(scope="module")
def page(run: Run) -> str:
    return page_of(content_of(SETTINGS, TARGET, run))


class References(HTMLParser):
    """Collects what a page refers to, and whether it may."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.policy = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [f"{tag} {value}" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""


def test_the_page_refers_to_nothing_and_could_load_nothing(page: str) -> None:
    references = References(page)
    assert references.found == []
    assert references.policy.startswith("default-src 'none';")
    assert "http" not in references.policy


def test_all_plots_are_drawn_and_what_was_measured_is_in_them(run: Run, page: str) -> None:
    assert not [one for one in shortcomings(run, page, TIERS) if "drawn" in one]
    for plot in plots_of(series_of(run)):
        assert plot.figure.data
        assert all(len(line.x) == len(line.y) > 0 for line in plot.figure.data), plot.name


def test_the_axes_have_units(run: Run) -> None:
    for plot in plots_of(series_of(run)):
        vertical = {axis.title.text for axis in plot.figure.select_yaxes()}
        assert vertical <= {"ms", "requests per second", "% of answers"}
        assert "seconds of the run" in {axis.title.text for axis in plot.figure.select_xaxes()}


def test_each_tier_has_its_own_plot_of_latency_on_the_same_scale(run: Run) -> None:
    latency = next(plot.figure for plot in plots_of(series_of(run)) if plot.name == "latency")
    assert [one.text for one in latency.layout.annotations] == [f"from {tier}" for tier in TIERS]
    assert {(axis.type, tuple(axis.range)) for axis in latency.select_yaxes()} == {("log", (1, 2))}


def test_tables_say_what_was_asked_for_and_what_came_of_it(page: str) -> None:
    shown = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "Failed: 1 of 21 requests failed (4.76%); 0.00% may." in shown
    assert "200: 20, 503: 1" in shown
    assert "dealcache &lt;1&gt;" in shown
    assert "Left out, because the service asks for an ADMIN_TOKEN" in shown


def test_no_token_is_told(page: str) -> None:
    assert "secret" not in page


def test_a_run_without_any_answer_can_be_shown_and_has_failed() -> None:
    content = content_of(SETTINGS, TARGET, run_of(seconds=1.0))
    assert not content.passed
    assert "Failed" in page_of(content)


def test_allowed_errors_pass() -> None:
    run = run_of(sample(), sample(status=500, fault="500"))
    allowing = LoadSettings(SETTINGS.place, allowed_errors=0.5)
    assert content_of(allowing, TARGET, run).passed
    assert not content_of(SETTINGS, TARGET, run).passed


@pytest.mark.parametrize(("value", "shown"), [(0.123, "0.12"), (12.34, "12.3"), (1234.5, "1,234")])
def test_milliseconds_have_the_digits_that_mean_something(value: float, shown: str) -> None:
    assert shown_milliseconds(value) == shown
