"""The reports of an ascent: its steps and its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt


class Outcome(Enum):
    """How an ascent ended; the values are sentences for users."""

    CONVERGED = "All {steps} steps were made and the unit responds."
    REACHED = "The activation reached what was asked for after {steps} steps."
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
    """The ascent stopped before its next step because the caller requested it."""


@dataclass(frozen=True)
class Reached:
    """One element of the batch has made ``step`` steps; 0 is its initial noise.

    ``objective`` was measured before the step's update, through its transforms. ``image`` is the picture [C, H, W]
    after the step, in [0, 1], if a frame is requested.
    """

    element: int
    step: int
    objective: float
    image: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Step:
    """One step of a batch whose elements all started at once.

    ``index`` is the number of steps made. ``objective`` [N] was measured before the step's update, through its
    transforms; it is NaN for an element that has ended. ``images`` holds the picture [C, H, W] after the step, in
    [0, 1], of each element with a requested frame, or is None if there is none.
    """

    index: int
    objective: npt.NDArray[np.float32]
    images: Mapping[int, npt.NDArray[np.float32]] | None


@dataclass(frozen=True)
class Result:
    """The end of one element's ascent.

    ``images`` are the pictures of the group [G, C, H, W], float32 in [0, 1], and ``image`` is the first of them.
    ``activation`` is its objective without transforms, ``history`` the objective at each step as in `Step`, and
    ``detail`` a sentence about the outcome. ``importance`` [G, C, H, W] is the sum of the absolute gradients of all
    steps, and ``robustness`` the activation under fixed draws of the transforms divided by ``activation``, both if the
    recipe asks for them. ``seed`` is the best attempt's.
    """

    element: int
    images: npt.NDArray[np.float32]
    activation: float
    history: npt.NDArray[np.float32]
    steps: int
    outcome: Outcome
    detail: str
    seed: int
    importance: npt.NDArray[np.float32] | None = None
    robustness: float | None = None

    @property
    def image(self) -> npt.NDArray[np.float32]:
        """The first picture."""
        first: npt.NDArray[np.float32] = self.images[0]
        return first
