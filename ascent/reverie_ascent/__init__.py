"""Renders pictures from a recipe and a model folder, by gradient ascent on ONNX Runtime."""

from typing import TYPE_CHECKING

from reverie_ascent.lazy import public

if TYPE_CHECKING:
    from reverie_ascent.loop import Ascent, ascend
    from reverie_ascent.result import Outcome, Reached, Result, Step, Stopped
    from reverie_ascent.run import Run

__all__ = [
    "Ascent",
    "Outcome",
    "Reached",
    "Result",
    "Run",
    "Step",
    "Stopped",
    "ascend",
]

__getattr__, __dir__ = public(
    __name__,
    {
        "Ascent": "reverie_ascent.loop",
        "Outcome": "reverie_ascent.result",
        "Reached": "reverie_ascent.result",
        "Result": "reverie_ascent.result",
        "Run": "reverie_ascent.run",
        "Step": "reverie_ascent.result",
        "Stopped": "reverie_ascent.result",
        "ascend": "reverie_ascent.loop",
    },
)
