"""Networks that are exported once for all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from reverie_export import Exported, export_model

Export = Callable[[str], Exported]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Export a network of tests/export/networks.py by name, with weights from seed 1; the second time it is at hand."""
    made: dict[str, Exported] = {}

    def export(name: str) -> Exported:
        if name not in made:
            out = tmp_path_factory.mktemp("models")
            made[name] = export_model(f"tests.export.networks:{name}", out=Path(out), weights="random:1")
        return made[name]

    return export
