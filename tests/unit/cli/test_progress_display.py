"""The progress of a job in a terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from rich.console import Console

from dealcache.cli.progress_display import progress_on
from dealcache.model.jobs import Job, JobStatus, Progress, SyncRequest

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_a_bar_stays_where_it_is_while_mongodb_does_not_answer():
    job = Job(
        "1", SyncRequest.for_options(everything=True), JobStatus.RUNNING, NOW, NOW, progress=Progress(percent=45.0)
    )
    shown = io.StringIO()
    with progress_on(Console(file=shown, force_terminal=True, width=120)) as show:
        show(job)
        show("MongoDB does not answer")
    last = [line for line in shown.getvalue().splitlines() if "MongoDB does not answer" in line][-1]
    assert "45%" in last
