"""The plots of a report. Their colours of text and lines are the page's, so that they suit a light and a dark one."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmarks.load.series import Points, Series

#: Readable on white and on black.
_BLUE, _GREEN, _ORANGE, _RED, _GREY = "#3987e5", "#199e70", "#d98300", "#e34948", "#8a8a8a"
_PERCENTILE_COLOURS = {"p50": _GREEN, "p95": _BLUE, "p99": _ORANGE, "max": _RED}
_CLEAR = "rgba(0,0,0,0)"
_SECONDS = "seconds of the run"
_HEIGHT, _ROW_HEIGHT = 320, 230


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot, its heading, and a sentence on how to read it."""

    name: str
    heading: str
    reading: str
    figure: go.Figure


def plots_of(series: Series) -> list[Plot]:
    """The plots of a run, in the order in which they are shown."""
    every = f"In intervals of {series.width} s."
    return [
        Plot(
            "throughput",
            "Throughput",
            f"{every} Where the answers fall below what was due, the service or the generator did not keep up.",
            _throughput(series),
        ),
        Plot(
            "latency",
            "Latency by answering tier",
            f"{every} From the moment at which a request was due until all of its answer had come; the "
            "scale is logarithmic and the same for all tiers.",
            _latency(series),
        ),
        Plot(
            "hit-ratio",
            "Hit ratio",
            f"{every} Of all answers that name their tier, those that came from memory, and from memory or Redis.",
            _hit_ratio(series),
        ),
        Plot(
            "generator",
            "The generator's own lag",
            f"{every} By how much it began visits late, and how long they waited because all users were busy. Both are "
            "part of the latencies above; only the first is the generator's fault.",
            _generator(series),
        ),
    ]


def _throughput(series: Series) -> go.Figure:
    figure = go.Figure()
    _line(figure, "due", series.due, _GREY, dash="dot")
    _line(figure, "answered", series.answered, _BLUE)
    if series.failed:
        _line(figure, "failed", series.failed, _RED, mode="markers")
    return _finish(figure, "requests per second")


def _latency(series: Series) -> go.Figure:
    tiers = list(series.latency)
    rows = max(1, len(tiers))
    figure = make_subplots(
        rows=rows,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.16 / rows,
        subplot_titles=[f"from {tier}" for tier in tiers],
    )
    for row, tier in enumerate(tiers, start=1):
        for name, points in series.latency[tier].items():
            figure.add_trace(
                _trace(name, points, _PERCENTILE_COLOURS[name], "lines+markers", legend=row == 1), row=row, col=1
            )
        figure.update_yaxes(title="ms", row=row, col=1)
    _finish(figure, "ms", height=_ROW_HEIGHT * rows + 90)
    figure.update_yaxes(type="log", range=_decades(series), dtick=1)
    figure.update_xaxes(title="")
    figure.update_xaxes(title=_SECONDS, row=rows, col=1)
    return figure


def _decades(series: Series) -> tuple[int, int]:
    """The powers of ten between which all latencies lie; what was quicker than 10 µs is drawn as that."""
    drawn = [points for lines in series.latency.values() for points in lines.values()]
    every = [value for points in drawn for _, value in points if value is not None]
    least, most = (max(0.01, one) for one in (min(every, default=1.0), max(every, default=1.0)))
    lowest = floor(log10(least))
    return lowest, max(lowest + 1, ceil(log10(most)))


def _hit_ratio(series: Series) -> go.Figure:
    figure = go.Figure()
    _line(figure, "memory or Redis", series.shared_ratio, _GREEN)
    _line(figure, "memory", series.memory_ratio, _BLUE)
    _finish(figure, "% of answers")
    return figure.update_yaxes(range=[0, 103])


def _generator(series: Series) -> go.Figure:
    figure = go.Figure()
    _line(figure, "begun late, the most", series.lag, _BLUE)
    _line(figure, "waited for a user, the most", series.queued, _ORANGE)
    return _finish(figure, "ms")


def _line(figure: go.Figure, name: str, points: Points, colour: str, dash: str = "solid", mode: str = "lines") -> None:
    figure.add_trace(_trace(name, points, colour, mode, dash=dash))


def _trace(
    name: str, points: Points, colour: str, mode: str, *, dash: str = "solid", legend: bool = True
) -> go.Scatter:
    return go.Scatter(
        x=[round(moment, 3) for moment, _ in points],
        y=[value if value is None else round(value, 3) for _, value in points],
        name=name,
        legendgroup=name,
        showlegend=legend,
        mode=mode,
        line={"color": colour, "width": 2, "dash": dash},
        marker={"color": colour, "size": 5 if mode == "lines+markers" else 8},
    )


def _finish(figure: go.Figure, unit: str, height: int = _HEIGHT) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 70, "r": 20, "t": 40, "b": 55},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        hovermode="x unified",
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        font={"family": "inherit", "size": 13},
    )
    figure.update_xaxes(title=_SECONDS, zeroline=False, rangemode="tozero")
    figure.update_yaxes(title=unit, zeroline=False, rangemode="tozero")
    return figure
