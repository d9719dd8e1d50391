"""README describes every variable and every metric, and rooms import only what the map allows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from dealcache.settings import VARIABLES
from dealcache.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")

#: Which rooms, and which modules of the root, each room may import; arrows go one way.
ALLOWED = {
    "model": set(),
    "tiers": {"model", "redis_connection"},
    "repositories": {"model", "breaker", "clock"},
    "hubspot": {"model", "clock", "redis_connection"},
    "telemetry": {"background", "model", "tiers"},
    "reader": {"background", "model", "tiers", "repositories", "hubspot"},
    "invalidation": {"background", "model", "reader", "tiers", "repositories", "redis_connection"},
    "cluster": {"background", "model", "tiers", "repositories"},
    "sync": {"background", "model", "repositories", "hubspot"},
    "live": {"background", "model", "repositories"},
    "api": {"model", "reader", "tiers", "repositories", "hubspot", "cluster", "live", "telemetry", "setting_values"},
    "lane": {"background", "model", "reader", "tiers", "api", "telemetry"},
    "server": {"lane", "api", "telemetry", "settings", "setting_values"},
    "console": set(),
    "sandbox": set(),
}


def row_of(variable: str) -> str:
    rows = re.findall(rf"^\| `{variable}` \|.*$", README, re.MULTILINE)
    assert len(rows) == 1, f"README's table has {len(rows)} rows for {variable}"
    return rows[0]


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_every_variable_stands_in_the_table_with_its_default(variable):
    shown = re.findall("`([^`]*)`", row_of(variable.name).split("|")[2])
    if variable.default in (None, frozenset()):
        assert not shown or variable.name == "LOG_FORMAT"  # whose default depends on where the log goes
    else:
        assert [variable.parse(text) for text in shown] == [variable.default]


def test_the_table_has_no_variable_that_the_code_does_not_know():
    table = README.split("## Configuration")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)) == {one.name for one in VARIABLES}


def test_no_other_variable_is_read():
    read = set()
    for path in [*ROOT.glob("dealcache/**/*.py"), ROOT / "gunicorn.conf.py"]:
        read |= set(re.findall(r"os\.environ(?:\.get\(|\[)\"([A-Z_]+)\"", path.read_text("utf-8")))
    # Not ours: how gunicorn.conf.py speaks to prometheus-client, and what gunicorn puts before paths.
    assert read - {one.name for one in VARIABLES} == {"PROMETHEUS_MULTIPROC_DIR", "SCRIPT_NAME"}


def test_every_metric_stands_in_the_table():
    table = README.split("## What Prometheus sees")[1].split("\n## ")[0]
    shown = set(re.findall(r"`(dealcache_[a-z_]+)`", table))
    collected = {
        f"{family.name}_total" if family.type == "counter" else family.name for family in Metrics().registry.collect()
    }
    assert shown == collected


def imports_of(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        rooms |= {name.split(".")[1] for name in names if name.startswith("dealcache.")}
    return rooms


@pytest.mark.parametrize("room", ALLOWED)
def test_arrows_go_one_way(room):
    files = list((ROOT / "dealcache" / room).glob("**/*.py"))
    assert files
    for path in files:
        assert imports_of(path) <= ALLOWED[room] | {room}, path
