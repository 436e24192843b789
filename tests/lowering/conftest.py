"""An empty cache, so that a test measures the machine itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from reverie_server.lowering import calibrate


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    calibrate.rates.cache_clear()
    return tmp_path / "reverie"
