"""The documentation has every path, variable and metric, links lead somewhere, rooms import only what they may."""

from __future__ import annotations

import ast
import builtins
import functools
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from dealcache.cli.main import main
from dealcache.settings import VARIABLES
from dealcache.telemetry.metrics import Metrics
from tests.unit.api.openapi_facts import facts_of, present_description

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text("utf-8")
CONFIGURATION = (DOCS / "configuration.md").read_text("utf-8")
OPERATIONS = (DOCS / "operations.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]

#: Pages that the service has beside the paths that its OpenAPI description names.
PAGES_OF_THE_SERVICE = {"GET /api/docs", "GET /api/openapi.json", "GET /console/"}

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
    "live": {"background", "model", "repositories", "telemetry"},
    "api": {
        *("model", "reader", "tiers", "repositories", "hubspot", "cluster", "live", "telemetry"),
        *("settings", "setting_values"),
    },
    "lane": {"background", "model", "reader", "tiers", "api", "telemetry"},
    "server": {"lane", "api", "telemetry", "settings", "setting_values"},
    "checks": {"model", "repositories", "hubspot", "cluster", "redis_connection", "settings", "setting_values"},
    "console": set(),
    "sandbox": set(),
}


def row_of(variable: str) -> str:
    rows = re.findall(rf"^\| `{variable}` \|.*$", CONFIGURATION, re.MULTILINE)
    assert len(rows) == 1, f"the table has {len(rows)} rows for {variable}"
    return rows[0]


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_every_variable_stands_in_the_table_with_its_default(variable):
    shown = re.findall("`([^`]*)`", row_of(variable.name).split("|")[2])
    if variable.default in (None, frozenset(), ()):
        assert not shown or variable.name == "LOG_FORMAT"  # whose default depends on where the log goes
    else:
        assert [variable.parse(text) for text in shown] == [variable.default]


def test_the_table_has_no_variable_that_the_code_does_not_know():
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", CONFIGURATION, re.MULTILINE)) == {one.name for one in VARIABLES}


def test_no_other_variable_is_read():
    read = set()
    for path in ROOT.glob("dealcache/**/*.py"):
        read |= set(re.findall(r"os\.environ(?:\.get\(|\[)\"([A-Z_]+)\"", path.read_text("utf-8")))
    # Not ours: how we speak to prometheus-client, what gunicorn puts before paths, and how ``flask`` says that it runs.
    others = {"PROMETHEUS_MULTIPROC_DIR", "SCRIPT_NAME", "FLASK_RUN_FROM_CLI"}
    assert read - {one.name for one in VARIABLES} == others


def test_every_metric_stands_in_the_table():
    table = OPERATIONS.split("\n## Metrics\n")[1].split("\n## ")[0]
    shown = set(re.findall(r"`(dealcache_[a-z_]+)`", table))
    collected = {
        f"{family.name}_total" if family.type == "counter" else family.name for family in Metrics().registry.collect()
    }
    assert shown == collected


def text_of(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


@functools.cache
def anchors_of(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page; the second one of a text ends in ``-1``."""
    anchors: set[str] = set()
    seen: Counter[str] = Counter()
    for heading in re.findall(r"^#+ +(.*?) *$", text_of(page), re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


def is_broken(target: str, page: Path) -> bool:
    """Return True if a link of a page leads nowhere in this repository; links to other hosts are not followed."""
    if re.match(r"[a-z]+:", target):
        return False
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    return not (file.is_relative_to(ROOT) and file.exists()) or (bool(anchor) and anchor not in anchors_of(file))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text_of(page)))
    assert [target for target in links if is_broken(target, page)] == []


def test_every_page_is_linked_from_readme():
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} <= set(re.findall(r"\]\((docs/[^)#]+)\)", README))


def test_readme_is_short():
    assert len(README.splitlines()) <= 200


def test_every_path_stands_in_the_table():
    table = README.split("\n## Paths\n")[1].split("\n## ")[0]
    shown = re.findall(r"`([A-Z]+ /[^`]*)`", "\n".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)))
    described = re.findall(r"^([A-Z]+ /\S*) :: exists$", "\n".join(facts_of(present_description())), re.MULTILINE)
    assert sorted(shown) == sorted({*described, *PAGES_OF_THE_SERVICE})


def test_every_command_stands_in_the_table():
    shown = set(re.findall(r"^\| `dealcache (\w+)", (DOCS / "command-line.md").read_text("utf-8"), re.MULTILINE))
    assert shown == set(main.commands)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_files_and_targets_of_make_that_a_page_names_exist(page):
    text = page.read_text("utf-8")
    files = re.findall(r"`((?:dealcache|tests|deploy|benchmarks|docs|clients)/[^`\s]*)`", text)
    assert [name for name in files if not (ROOT / name).exists()] == []
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`|sudo |… )make ([a-z][a-z-]*)", text, re.MULTILINE)) <= targets


def test_every_room_stands_in_the_architecture():
    rooms = (DOCS / "architecture.md").read_text("utf-8").split("\n## Rooms\n")[1].split("\n## ")[0]
    assert [
        path.parent.name for path in ROOT.glob("dealcache/*/__init__.py") if f"{path.parent.name}/" not in rooms
    ] == []


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


#: A cross-reference to something of ours, which begins with a dot, or has no other one before its last part.
REFERENCE = re.compile(r":(mod|class|func|meth|attr|data|exc):`~?(\.[\w.]+|\w+(?:\.\w+)?)`")


def names_in(path: Path) -> set[str]:
    """Return the names that a module defines, or that it imports from elsewhere."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(one.asname or one.name).split(".")[0] for one in node.names}
    return found


def test_docstrings_refer_to_what_exists() -> None:
    sources = sorted((ROOT / "dealcache").rglob("*.py"))
    names = set().union(*map(names_in, sources))
    modules = {one for path in sources for one in (path.stem, path.parent.name)} | sys.stdlib_module_names
    for path in sources:
        for role, target in REFERENCE.findall(path.read_text("utf-8")):
            first, last = target.strip(".").split(".")[0], target.split(".")[-1]
            known = modules if role == "mod" else names
            assert last in known or first in sys.stdlib_module_names or hasattr(builtins, last), (path, target)
