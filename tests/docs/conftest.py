"""A server for the readers of the pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.reliability.process import ServerProcess


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the embedded model, with a store and jobs."""
    folder = tmp_path_factory.mktemp("server")
    with ServerProcess("--store", str(folder / "store"), "--jobs", str(folder / "jobs.sqlite")) as process:
        yield process.address
