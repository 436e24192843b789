"""The sdist and the wheel that `make package` has just built."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.checkout import ROOT

DIST = ROOT / ".build" / "dist"


def _built(pattern: str) -> Path:
    found = list(DIST.glob(pattern))
    if len(found) != 1:
        pytest.fail(f"{DIST} has {len(found)} files like {pattern}: run `make package`, which builds one")
    return found[0]


@pytest.fixture(scope="session")
def wheel() -> Path:
    return _built("reverie-*.whl")


@pytest.fixture(scope="session")
def sdist() -> Path:
    return _built("reverie-*.tar.gz")
