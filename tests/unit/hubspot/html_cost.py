"""Measures what the conversion of HTML costs, each document in a process of its own: ``python -m`` prints JSON.

One line for each document: its name, its characters, milliseconds of processor time, kB of memory, and whether it ended
before it had taken the processor time that it was allowed.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import NamedTuple

from dealcache.hubspot.html_text import text_of_html
from tests.unit.hubspot.html_documents import PIECES, hostile


class Cost(NamedTuple):
    """The cost of one document."""

    name: str
    characters: int
    milliseconds: float
    kilobytes: int
    ended: bool

    def for_100_kb(self, figure: float) -> float:
        """Return ``figure`` in proportion to a document of 100,000 characters."""
        return figure / self.characters * 100_000


def measured(size: int, rounds: int, most_seconds: int) -> Iterator[Cost]:
    """Measure hostile documents.

    Args:
        size: characters of each document.
        rounds: how often each is converted; the fastest counts.
        most_seconds: the processor time after which a document's process is killed.
    """
    for name, source in (hostile(size) | _random_documents(size)).items():
        ours, theirs = get_context("fork").Pipe(duplex=False)
        process = get_context("fork").Process(target=_measure, args=(theirs, source, rounds, most_seconds))
        process.start()
        theirs.close()
        try:
            milliseconds, kilobytes = ours.recv()
            yield Cost(name, len(source), milliseconds, kilobytes, ended=True)
        except EOFError:
            yield Cost(name, len(source), most_seconds * 1_000, 0, ended=False)
        process.join()


def _random_documents(size: int) -> dict[str, str]:
    """Return pieces in any order, and a few of them again and again."""
    short = [piece for piece in PIECES if len(piece) < 50]
    documents = {}
    for seed in range(20):
        part = "".join(random.Random(seed).choices(short, k=2_000 if seed < 10 else 8))
        documents[f"random {seed}"] = part * (size // len(part) + 1)
    return documents


def _measure(answer: Connection, source: str, rounds: int, most_seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (most_seconds, most_seconds))
    before = resource.getrusage(resource.RUSAGE_SELF)
    spent = []
    for _ in range(rounds):
        started = time.thread_time()  # a process with a limit of its time counts the whole process's in ticks
        text_of_html(source)
        spent.append(time.thread_time() - started)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before.ru_maxrss
    answer.send((min(spent) * 1_000, grown))


def main() -> None:
    """Measure as the arguments say: characters, rounds, seconds."""
    for cost in measured(*map(int, sys.argv[1:])):
        print(json.dumps(cost._asdict()), flush=True)


if __name__ == "__main__":
    main()
