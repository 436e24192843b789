"""Values that an option of a render cannot have, for tests of everything that takes options."""

from __future__ import annotations

from typing import Any

import numpy as np

ANYTHING: list[Any] = [[1, 2, 3], (1, 2), {"a": 1}, b"bytes", None, object(), {1, 2}]
NOT_A_NUMBER: list[Any] = [*ANYTHING, True, "12", np.array([1.0, 2.0]), 1j]
INTEGER: list[Any] = [*NOT_A_NUMBER, float("nan"), 64.0, np.float32(64), 2**32, -(2**40), 10**5000]
REAL: list[Any] = [*NOT_A_NUMBER, float("nan"), float("inf"), 10**5000, 1e300]
TEXT: list[Any] = [*ANYTHING, True, 12, float("nan"), "\ud800"]
CHOICE: list[Any] = [*ANYTHING, True, 1, float("nan"), "", "neither"]
SIZE: list[Any] = [
    *[value for value in INTEGER if not isinstance(value, tuple)],
    *[(1, 2, 3), (), (True, 3), (3, None), [3, 2.0], "axb", "32x128", 1.5, ("3", "2"), (2**31, 5), np.array([3, 2])],
]
LIST: list[Any] = [{"a": 1}, b"bytes", None, object(), True, 12, float("nan"), "12", ["x"], [True], [2**40], [None]]

NOT_A_LIST: list[Any] = [b"bytes", None, object(), {1, 2}, True, 1, float("nan")]

#: Each option that client and engine share, the field that a violation of it names, and its wrong values.
SHARED: dict[str, tuple[str, list[Any]]] = {
    "size": ("spec.size", SIZE),
    "steps": ("spec.steps", INTEGER),
    "seed": ("spec.seed", INTEGER),
    "learning_rate": ("spec.learning_rate", REAL),
    "preset": ("spec.preset", TEXT),
    "parametrization": ("spec.parametrization", CHOICE),
    "transforms": ("spec.transforms", NOT_A_LIST),
    "schedule": ("spec.schedule", CHOICE),
    "optimizer": ("spec.optimizer", CHOICE),
    "views": ("spec.views", INTEGER),
    "view_size": ("spec.view_size", SIZE),
    "penalties": ("spec.penalties", [*NOT_A_LIST, "l1", ["l1"], [None]]),
    "pictures": ("spec.pictures", INTEGER),
    "best_of": ("spec.best_of", INTEGER),
    "stop_at": ("spec.stop_at", REAL),
    "importance": ("spec.importance", [value for value in [*NOT_A_NUMBER, 1] if value is not True]),
    "robustness": ("spec.robustness", [value for value in [*NOT_A_NUMBER, 0] if value is not True]),
    "alpha": ("spec.alpha", [value for value in [*NOT_A_NUMBER, 0] if value is not True]),
    "objective": ("spec.objective", [*ANYTHING, "conv1_1:3", 12]),
    "spec": ("spec", [*ANYTHING, "tiny", 12]),
    "frames_every": ("frames.every_steps", INTEGER),
    "frames_at": ("frames.steps", LIST),
    "progress_every": ("progress_every_steps", INTEGER),
    "priority": ("priority", CHOICE),
    "cache": ("cache", CHOICE),
}

#: The positional arguments: model, layer, channel. None means that an argument is omitted.
POSITIONS: dict[str, tuple[str, list[Any]]] = {
    "model": ("spec.model", [value for value in TEXT if value is not None]),
    "layer": ("spec.objective.channel.layer", [value for value in TEXT if value is not None]),
    "channel": (
        "spec.objective.channel.channel",
        [value for value in INTEGER if value is not None and not isinstance(value, str)],
    ),
}


def arguments(name: str, value: Any) -> dict[str, Any]:
    """Return the arguments of a call of which only one is wrong."""
    if name == "spec":
        return {"spec": value}
    if name == "objective":
        return {"model": "tiny", "objective": value}
    right = {"model": "tiny", "layer": "conv1_1", "channel": 1}
    if name in ("frame_size", "frame_format"):
        right["frames_every"] = 1
    return right | {name: value}


def rows(table: dict[str, tuple[str, list[Any]]]) -> list[tuple[str, str, Any]]:
    """Return the rows of a table: the option, the field and one wrong value."""
    return [(name, field, value) for name, (field, values) in table.items() for value in values]


def named(value: Any) -> str | None:
    """Return an id for a row; Python refuses to print numbers of thousands of digits."""
    return value if isinstance(value, str) and value.isascii() else type(value).__name__
