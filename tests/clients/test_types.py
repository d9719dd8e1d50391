"""The types for TypeScript are those of the present description, and a compiler finds with them what is wrong."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.clients.typescript import CLIENTS, PROGRAMS, TYPES, present_types


def compile_with(source: str, directory: Path) -> str:
    """Compile a module beside the example with the example's settings; return the compiler's complaints."""
    for name in ("dealcache.d.ts", "example.ts", "tsconfig.json"):
        (directory / name).write_text((CLIENTS / name).read_text("utf-8"), "utf-8")
    (directory / "page.ts").write_text(source, "utf-8")
    command = [PROGRAMS / "tsc", "--project", directory, "--pretty", "false"]
    return subprocess.run(command, capture_output=True, text=True, timeout=100).stdout


def test_the_types_are_those_of_the_present_description() -> None:
    assert TYPES.read_text("utf-8") == present_types(), "make types"


def test_the_example_of_a_web_ui_compiles(tmp_path: Path) -> None:
    assert compile_with("", tmp_path) == ""


#: What a page may do, and mistakes with a part of what the compiler says of each.
RIGHT = """
return [info.amount, info.otherDealIds.length, events.map((event) => event.time_str), info.properties?.size?.value,
  service.read("/api/hubspot/v2/deal-list", { stage: ["won"], "property.size": "5", sort: "-property.size" })];
""".replace("\n", " ")
MISTAKES = {
    "return info.dealname;": "Property 'dealname' does not exist",
    "return info.amount.toFixed(2);": "'info.amount' is possibly 'null'",
    "return info.activityCount.trim();": "Property 'trim' does not exist on type 'number'",
    'return events.filter((event) => event.type === "Email");': "have no overlap",
    'return service.read("/api/hubspot/deal-infos");': "not assignable to parameter",
    'return service.read("/api/hubspot/deal-info", {});': "not assignable to parameter",
    'return service.read("/api/hubspot/deal-info");': "Expected 2 arguments",
    'return service.read("/api/hubspot/v2/deal-list", { sort: "size" });': "not assignable to type",
    'return service.read("/api/hubspot/v2/deal-list", { "property.size": 5 });': "not assignable to type",
    "return info.properties.hs_priority;": "'info.properties' is possibly 'undefined'",
    'return service.batch({ deal_names: ["a"], include: ["everything"] });': "not assignable to type",
}


def test_the_compiler_finds_each_mistake_and_nothing_else(tmp_path: Path) -> None:
    said = compile_with("".join(module_lines(RIGHT, *MISTAKES)), tmp_path)
    complaints = dict(re.findall(r"page\.ts\((\d+),.*?error \w+: (.*)", said))
    lines = module_lines(RIGHT, *MISTAKES)
    found = {lines[int(number) - 1].strip(): complaint for number, complaint in complaints.items()}
    assert set(found) == set(MISTAKES), said
    assert [found[line] for line, part in MISTAKES.items() if part not in found[line]] == []


def module_lines(*lines: str) -> list[str]:
    """Return the lines of a module with a function for each line, which has a deal's info and events."""
    module = ['import { Dealcache } from "./example";\n', 'const service = new Dealcache("http://127.0.0.1:8000");\n']
    for number, line in enumerate(lines):
        module += [
            f"export async function page{number}() {{\n",
            'const info = await service.read("/api/hubspot/deal-info", { dealName: "Acme renewal" });\n',
            'const { events } = await service.read("/api/hubspot/deal-timeline", { dealId: "7891023" });\n',
            f"{line}\n",
            "}\n",
        ]
    return module


def test_nothing_but_types_is_needed_to_use_them() -> None:
    package = json.loads((CLIENTS / "package.json").read_text("utf-8"))
    assert "dependencies" not in package
    assert all(version[0].isdigit() for version in package["devDependencies"].values())
    lock = (CLIENTS / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock  # any registry serves what the hashes say
