"""Makes the TypeScript types of the answers from the service's own OpenAPI description, with npm's openapi-typescript.

``python -m tests.clients.typescript``, which is ``make types``, writes ``clients/dealcache.d.ts`` again.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from tests.unit.api.openapi_facts import present_description

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
TYPES = CLIENTS / "dealcache.d.ts"

#: The commands of the packages that ``clients/package.json`` names; the Makefile installs them.
PROGRAMS = ROOT / "build" / "clients" / "node_modules" / ".bin"

#: Each schema is a type by its own name; a parameter that has a default may be left out.
_OPTIONS = ("--root-types", "--root-types-no-schema-prefix", "--default-non-nullable=false")


def present_types() -> str:
    """Return the types of the description as it is now."""
    with tempfile.TemporaryDirectory() as directory:
        description, types = Path(directory, "openapi.json"), Path(directory, "types.d.ts")
        description.write_text(json.dumps(present_description()), "utf-8")
        command = [PROGRAMS / "openapi-typescript", description, *_OPTIONS, "--output", types]
        subprocess.run(command, check=True, capture_output=True, timeout=100)
        return types.read_text("utf-8")


if __name__ == "__main__":
    TYPES.write_text(present_types(), "utf-8")
