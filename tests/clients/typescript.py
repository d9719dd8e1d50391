"""Makes the TypeScript types of the answers from the service's own OpenAPI description, with npm's openapi-typescript.

``python -m tests.clients.typescript``, which is ``make types``, writes ``clients/dealcache.d.ts`` again.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.unit.api.openapi_facts import present_description

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
TYPES = CLIENTS / "dealcache.d.ts"

#: The commands of the packages that ``clients/package.json`` names; the Makefile installs them.
PROGRAMS = ROOT / "build" / "clients" / "node_modules" / ".bin"

#: Each schema is a type by its own name; a parameter that has a default may be left out.
_OPTIONS = ("--root-types", "--root-types-no-schema-prefix", "--default-non-nullable=false")

#: How names of own properties begin in patterns, and the type of texts with such a pattern: the program knows none but
#: ``string``, with which a compiler would not find a misspelt order.
_PATTERN, _TEMPLATE = r"^-?property\.", '`${"" | "-"}property.${string}`'


def present_types() -> str:
    """Return the types of the description as it is now."""
    with tempfile.TemporaryDirectory() as directory:
        description, types = Path(directory, "openapi.json"), Path(directory, "types.d.ts")
        described = _with_constants(present_description())
        description.write_text(json.dumps(described), "utf-8")
        command = [PROGRAMS / "openapi-typescript", description, *_OPTIONS, "--output", types]
        subprocess.run(command, check=True, capture_output=True, timeout=100)
        return types.read_text("utf-8").replace(json.dumps(_PATTERN), _TEMPLATE)


def _with_constants(schema: Any) -> Any:
    """Return a description in which texts of that pattern are constants, and alternatives have no type above them."""
    if isinstance(schema, list):
        return [_with_constants(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if str(schema.get("pattern", "")).startswith(_PATTERN):
        return {"const": _PATTERN}
    above = {"type"} if "anyOf" in schema else set()
    return {name: _with_constants(one) for name, one in schema.items() if name not in above}


if __name__ == "__main__":
    TYPES.write_text(present_types(), "utf-8")
