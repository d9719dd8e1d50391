"""The measurements of each request, of each visit, and of the whole run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Answer(NamedTuple):
    """The outcome of one request; ``status`` is 0 when nothing came, and ``fault`` says what was wrong, if anything."""

    status: int
    tier: str = ""
    etag: str = ""
    fault: str = ""


class Sample(NamedTuple):
    """One request.

    Attributes:
        kind: what it asked for.
        status: of the answer, 0 when none came.
        tier: that answered, "" when the answer names none.
        fault: what was wrong, "" when nothing was.
        due: seconds of the run at which it was due.
        seconds: from then until all of the answer had come; whatever it had to wait for is in it.
        waited: the part of them before it was sent: for a free user, and for the generator itself.
    """

    kind: str
    status: int
    tier: str
    fault: str
    due: float
    seconds: float
    waited: float


class Arrival(NamedTuple):
    """One visit.

    Attributes:
        kind: what it is.
        due: seconds of the run at which it was due.
        late: by how many seconds the generator was late to begin it.
        queued: seconds that it then waited for a free user.
        seconds: from when it was due until its last answer had come.
    """

    kind: str
    due: float
    late: float
    queued: float
    seconds: float


@dataclass(slots=True)
class Run:
    """All that was seen.

    Attributes:
        samples: the requests, in the order in which they ended.
        arrivals: the visits, in the order in which they ended.
        seconds: from the start until the last answer.
        processor_seconds: what the generator itself computed meanwhile.
        most_under_way: the most visits that were under way at once.
    """

    samples: list[Sample] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    seconds: float = 0.0
    processor_seconds: float = 0.0
    most_under_way: int = 0

    @property
    def faults(self) -> int:
        """The number of requests that failed."""
        return sum(bool(sample.fault) for sample in self.samples)

    @property
    def fault_share(self) -> float:
        """The share of the requests that failed, 0 to 1."""
        return self.faults / len(self.samples) if self.samples else 0.0

    @property
    def tiers(self) -> set[str]:
        """The tiers that answered something."""
        return {sample.tier for sample in self.samples if sample.tier}
