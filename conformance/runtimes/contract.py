"""What a runtime of the suite is: a module with ``version`` and ``load``. It knows numpy and the runtime, no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Outputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Graph:
    """A graph on disk, its weights beside it, and what it is fed; ``sizes`` are those that it leaves open."""

    path: Path
    feeds: Mapping[str, np.ndarray]
    outputs: tuple[str, ...]
    sizes: Mapping[str, int]


Run = Callable[[], Outputs]
"""Runs a loaded graph once."""
