"""The output of wrk is read as it is meant, and errors are never taken for figures."""

from __future__ import annotations

import json

import pytest

from benchmarks.wrk import LoadError, parse

NO_ERRORS = {"connect": 0, "read": 0, "write": 0, "status": 0, "timeout": 0}
TOLD = {
    "requests": 4_000,
    "microseconds": 2_000_000,
    "bytes": 1_200_000,
    "p50": 120,
    "p99": 1_500,
    "p999": 20_000,
    "errors": NO_ERRORS,
}


def printed(**changes) -> str:
    """wrk's own lines, and that of the script."""
    return f"Running 2s test @ http://127.0.0.1:1/\n  1 threads and 16 connections\n{json.dumps(TOLD | changes)}\n"


def test_figures_come_in_seconds_and_milliseconds():
    load = parse(printed(), processor_seconds=0.5)
    assert (load.requests, load.rate, load.mean_bytes) == (4_000, 2_000.0, 300.0)
    assert (load.p50, load.p99, load.p999) == (0.12, 1.5, 20.0)
    assert load.client == 0.25


@pytest.mark.parametrize("kind", NO_ERRORS)
def test_a_single_error_of_any_kind_spoils_the_figure(kind):
    with pytest.raises(LoadError, match=rf"4000 requests, errors: {{'{kind}': 1}}"):
        parse(printed(errors=NO_ERRORS | {kind: 1}), 0.5)


def test_nothing_answered_is_no_figure():
    with pytest.raises(LoadError, match="0 requests"):
        parse(printed(requests=0), 0.5)


@pytest.mark.parametrize("shown", ["", "unable to connect to 127.0.0.1:1 Connection refused\n"])
def test_without_the_script_s_line_what_wrk_said_is_told(shown):
    with pytest.raises(LoadError) as caught:
        parse(shown, 0.5)
    assert shown in str(caught.value)
