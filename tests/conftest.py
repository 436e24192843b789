"""Shared by all tests: a separate cache, so that the user's is neither read nor written, and a tiny model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before any test imports ONNX Runtime, which would otherwise send usage data.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Modules with assertions that are not tests by their names.
pytest.register_assert_rewrite("tests.clients.cases")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model, called tiny."""
    from tests.models import write_tiny_model  # onnx is not in every environment

    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder / "tiny")
    return folder
