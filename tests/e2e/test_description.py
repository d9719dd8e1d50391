"""The running service does what its own OpenAPI description says, for requests that Schemathesis makes up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.programs import StartService, environment

#: Many services are started, or one for long: for `make test-long`.
pytestmark = pytest.mark.long

EXAMPLES = 25
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def test_schemathesis_finds_no_difference(start_service: StartService, tmp_path: Path) -> None:
    service = start_service(STAGE_HISTORY="on")
    schemathesis = Path(sys.executable).with_name("st")
    options = ("--max-examples", str(EXAMPLES), "--no-color", "--seed", "1", "--request-timeout", "30")
    run = subprocess.run(
        [schemathesis, "--config-file", str(CONFIGURATION), "run", f"{service.url}/api/openapi.json", *options],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert service.get("/healthz").status_code == 200
    assert not [line for line in service.log() if "exception" in line]
