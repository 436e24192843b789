"""The interface of runtimes, which are modules with ``version`` and ``load`` that only import numpy and the runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Outputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Graph:
    """A graph on disk with its weights and its inputs; ``sizes`` are the values of its free dimensions."""

    path: Path
    feeds: Mapping[str, np.ndarray]
    outputs: tuple[str, ...]
    sizes: Mapping[str, int]


Run = Callable[[], Outputs]
"""Runs a loaded graph once."""
