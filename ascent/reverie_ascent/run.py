"""The ascent of one picture or group: its attempts, what it has made so far, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from reverie_ascent.program import Reading
from reverie_ascent.recipe import Recipe
from reverie_ascent.result import Outcome, Result

Numbers = npt.NDArray[np.float32]

SEEDS = 2**32


def never(step: int) -> bool:
    """Return False: no step's frame is requested."""
    return False


@dataclass(eq=False)
class Run:
    """The ascent of one picture; ``frames(step)`` is True for the steps whose frames are requested.

    Step 0 is the initial noise. A run may be suspended and continue in another ascent of the same program: the picture
    is the same, byte for byte. With ``recipe.best_of`` there are several attempts, one after the other, each with the
    next seed; `steps` counts those of all attempts.
    """

    recipe: Recipe
    frames: Callable[[int], bool] = never
    #: The objective at each step of the present attempt.
    history: list[float] = field(default_factory=list)
    alive: bool = False
    broken: bool = False
    #: Whether the activation has reached `recipe.stop_at`.
    reached: bool = False
    #: The number of the present attempt, the steps of those before, and the best result among them.
    attempt: int = 0
    steps_before: int = 0
    best: Result | None = None
    #: The optimizer's state while the run is suspended.
    state: Mapping[str, Numbers] | None = None

    @property
    def steps(self) -> int:
        """The number of steps made so far, in all attempts."""
        return self.steps_before + len(self.history)

    @property
    def seed(self) -> int:
        """The seed of the present attempt."""
        return (self.recipe.seed + self.attempt) % SEEDS

    @property
    def attempt_is_over(self) -> bool:
        """Whether the present attempt has ended."""
        return self.broken or self.reached or len(self.history) == self.recipe.steps

    def record(self, reading: Reading, i: int) -> bool:
        """Record a step and return True; return False, without counting it, if a number of it is not finite."""
        if not np.isfinite([reading.score[i], reading.reach[i], reading.extent[i]]).all():
            self.broken = True
            return False
        self.history.append(float(reading.score[i]))
        awake = reading.awake is None or reading.awake[i] > 0
        self.alive |= bool(awake and reading.reach[i] > 0)
        return True

    @property
    def outcome(self) -> Outcome:
        """How the present attempt ended."""
        if self.broken:
            return Outcome.NON_FINITE
        if not self.alive:
            return Outcome.DEAD_UNIT
        return Outcome.REACHED if self.reached else Outcome.CONVERGED

    def take(self, result: Result) -> bool:
        """Keep the result of the present attempt if it is the best so far; return whether another attempt begins."""
        if self.best is None or _is_better(result, self.best):
            self.best = result
        if self.attempt + 1 == self.recipe.best_of:
            return False
        self.steps_before = self.steps
        self.attempt += 1
        self.history, self.alive, self.broken, self.reached = [], False, False, False
        return True


def _is_better(one: Result, other: Result) -> bool:
    """Return whether a result is finite with the higher activation; of equal ones the earlier is better."""
    if not np.isfinite(one.activation):
        return False
    return not np.isfinite(other.activation) or one.activation > other.activation
