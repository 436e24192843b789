"""What an ascent reports: each step, and the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt


class Outcome(Enum):
    """How an ascent ended; the values are sentences for a person."""

    CONVERGED = "All {steps} steps were made and the unit responds."
    DEAD_UNIT = (
        "The unit stayed silent: in none of {steps} steps did it pass a gradient on to the picture, so that there was"
        " no way up. Another seed or a layer before it may show more."
    )
    NON_FINITE = (
        "After {steps} steps the objective or the picture stopped being a finite number; the picture is the last finite"
        " one. A smaller learning rate may help."
    )

    def sentence(self, steps: int) -> str:
        """Return the sentence for an ascent that made ``steps`` steps."""
        return self.value.format(steps=steps)


class Stopped(Exception):
    """The ascent stopped before its next step because its caller asked for it."""


@dataclass(frozen=True)
class Reached:
    """One element of the batch has made ``step`` steps; 0 is its initial noise.

    ``objective`` was measured before the step's update, through its transforms; ``image`` is the picture [3, S, S]
    after the step, in [0, 1], where a frame is wanted.
    """

    element: int
    step: int
    objective: float
    image: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Step:
    """One step of a batch whose elements all started at once.

    ``index`` counts the steps made. ``objective`` [N] was measured before the step's update, through its transforms; it
    is NaN for an element that has ended. ``images`` holds the picture [C, S, S] after the step, in [0, 1], of each
    element that wants a frame; None where none does.
    """

    index: int
    objective: npt.NDArray[np.float32]
    images: Mapping[int, npt.NDArray[np.float32]] | None


@dataclass(frozen=True)
class Result:
    """The end of one element's ascent.

    ``image`` is float32 [C, S, S] in [0, 1], ``activation`` the objective on it without transforms, ``history`` the
    objective at each step as in `Step`, ``detail`` one sentence about the outcome.
    """

    element: int
    image: npt.NDArray[np.float32]
    activation: float
    history: npt.NDArray[np.float32]
    steps: int
    outcome: Outcome
    detail: str
