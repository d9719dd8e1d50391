"""The report: one file that needs no other, from no host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from benchmarks.deployed import CannotMeasureError
from benchmarks.load.plots import Plot
from benchmarks.load.tables import Lag, Row

_CONFIG = {"displayModeBar": False, "responsive": True}
#: How a plot is called into being; the last thing of a plot that a page without it would lack.
DRAWS = 'Plotly.newPlot("{name}"'


@dataclass(frozen=True, slots=True)
class Content:
    """The contents of a report.

    Attributes:
        verdict: one line, and ``passed`` whether it is a good one.
        passed: whether the run ended as it should.
        parameters: of the run.
        facts: what the service told of itself.
        remarks: sentences that the reader should know before the figures.
        kinds: a row for each kind of request.
        tiers: a row for each tier.
        lag: of the generator.
        plots: in their order.
    """

    verdict: str
    passed: bool
    parameters: Mapping[str, str]
    facts: Mapping[str, str]
    remarks: Sequence[str]
    kinds: Sequence[Row]
    tiers: Sequence[Row]
    lag: Lag
    plots: Sequence[Plot]


def page_of(content: Content) -> str:
    """The whole report as HTML."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["ms"] = shown_milliseconds
    drawn = {plot.name: Markup(_drawn(plot)) for plot in content.plots}
    return templates.get_template("page.html").render(content=content, drawn=drawn, library=Markup(get_plotlyjs()))


def write(content: Content, path: Path) -> None:
    """Write the report, and the directories above it.

    Raises:
        CannotMeasureError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page_of(content), "utf-8")
    except OSError as error:
        raise CannotMeasureError(f"the report cannot be written to {path}: {error.strerror}") from error


def shown_milliseconds(value: float) -> str:
    """Milliseconds with as many digits as mean something."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _drawn(plot: Plot) -> str:
    shown: str = plot.figure.to_html(
        full_html=False, include_plotlyjs=False, include_mathjax=False, div_id=plot.name, config=_CONFIG
    )
    return shown
