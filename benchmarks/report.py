"""The report of a run: figures with their spread, and for each promise a line that says whether it was kept."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """The median of several rounds, and how far the rounds lie apart."""

    median: float
    least: float
    most: float

    def show(self, form: str = ".2f", unit: str = "") -> str:
        """``median unit (least..most)``."""
        return f"{self.median:{form}}{unit} ({self.least:{form}}..{self.most:{form}})"


def spread(values: Iterable[float]) -> Spread:
    """Sum up the rounds of one measurement."""
    every = list(values)
    return Spread(statistics.median(every), min(every), max(every))


def percentile(values: Iterable[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Report:
    """Prints each line as it comes, so that a long run can be followed.

    Args:
        write: takes a line.
    """

    def __init__(self, write: Callable[[str], None] = lambda line: print(line, flush=True)) -> None:
        self._write = write
        self.kept = 0
        self.missed: list[str] = []
        self.failed: list[str] = []
        self.unmeasured: list[str] = []

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._write(f"\n{text}")

    def figure(self, what: str, value: str) -> None:
        """A figure for information."""
        self._write(f"          {what}: {value}")

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Figures for information, one row for each thing that is compared.

        Args:
            title: stands above the first column.
            head: what stands above the others.
            rows: each begins with what it is about.
        """
        lines = [(title, *head), *map(tuple, rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for first, *others in lines:
            cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
            self._write("   ".join(["          " + first.ljust(widths[0]), *cells]))

    def promise(self, wording: str, measured: str, kept: bool) -> None:
        """A promise with its figure in its own words, and what was measured."""
        self._write(f"  {'ok    ' if kept else 'MISSED'}  {wording}: {measured}")
        if kept:
            self.kept += 1
        else:
            self.missed.append(wording)

    def left_out(self, section: str, reason: str) -> None:
        """A section for which something is missing on this machine."""
        self._write(f"  {reason}")
        self.unmeasured.append(section)

    def failure(self, section: str, error: BaseException) -> None:
        """A section that could not be run to its end."""
        first_line = str(error) or type(error).__name__
        self._write(f"  FAILED  {section}: {first_line}")
        self.failed.append(section)

    def summary(self, seconds: float) -> None:
        """The last lines."""
        self._write(f"\n{self.kept} promises kept, {len(self.missed)} missed, in {seconds:.0f} s")
        for wording in self.missed:
            self._write(f"  missed: {wording}")
        for section in self.failed + self.unmeasured:
            self._write(f"  not measured: {section}")
