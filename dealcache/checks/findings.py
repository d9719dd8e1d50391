"""The result of a check: one line for an operator."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Args:
        level: its severity.
        subject: what was checked.
        text: what was found.
        remedy: what to do about it; empty if there is nothing to do.
    """

    level: Level
    subject: str
    text: str
    remedy: str = ""

    def line(self) -> str:
        """Return the finding as one line."""
        line = f"{self.level:<8} {self.subject}: {self.text}" + (f"; {self.remedy}" if self.remedy else "")
        return " ".join(line.splitlines())


#: Makes a finding of something that is as it should be.
ok = partial(Finding, Level.OK)

#: Makes a finding of something that the service can work with, but the operator should know.
warning = partial(Finding, Level.WARNING)

#: Makes a finding of something that keeps the service from working as it should.
failed = partial(Finding, Level.FAILED)
