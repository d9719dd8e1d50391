"""The vendored files are those that npm publishes."""

from __future__ import annotations

import pytest

from tests.console.packages import VENDOR, Package, fetched, vendored


@pytest.mark.parametrize("package", vendored(), ids=lambda package: package.package)
def test_vendored_files_are_those_of_the_published_package(package: Package) -> None:
    for name, content in fetched(package).items():
        assert (VENDOR / name).read_bytes() == content, name
