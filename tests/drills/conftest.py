"""Fixtures of the drills. They are slow, so ``make drills`` runs them and a plain ``pytest`` does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dealcache.sandbox.embedded import Mongod
from tests.drills.site import Site
from tests.e2e.programs import HubSpot
from tests.ports import free_port


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes the programs of one drill, and ends them after it: mongod, HubSpot with ``options``, and services."""
    made: list[Site] = []

    def make(*options: str, **environ: str) -> Site:
        mongod = Mongod(tmp_path / "mongod" / "data", free_port())
        site = Site(tmp_path, mongod, HubSpot(tmp_path / "hubspot", *options), environ)
        made.append(site)
        return site

    yield make
    for site in made:
        site.close()
