"""Writes measurements as JSON under bench/results/; the whole file is rewritten after every row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_json(path: Path, figures: Any) -> None:
    """Write figures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(figures, indent=1) + "\n")
    part.replace(path)
