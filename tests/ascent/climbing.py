"""Runs one ascent to its end and collects its events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from reverie_ascent import Result, Step, ascend
from reverie_ascent.models.repository import Model
from reverie_ascent.program import Program, build
from reverie_ascent.recipe import Recipe
from reverie_ascent.runtime.session import Array, Device


@dataclass
class Climbed:
    """The events of an ascent; ``frames`` by element and step."""

    steps: list[Step] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    @property
    def frames(self) -> dict[tuple[int, int], Array]:
        return {(i, step.index): image for step in self.steps for i, image in (step.images or {}).items()}


@dataclass
class Stop:
    """A stop condition that becomes true after some steps, or never, and counts how often it was checked."""

    after: float = float("inf")
    asked: int = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked > self.after


def climb(
    model: Model,
    device: Device,
    recipes: Sequence[Recipe],
    *,
    frames: Callable[[int, int], bool] = lambda element, step: False,
    program: Program | None = None,
) -> Climbed:
    """Build the program of a batch, or take an existing one, and run all its steps."""
    program = program or build(model, recipes[0], batch=len(recipes), device=device)
    climbed = Climbed()
    for event in ascend(program, recipes, frames=frames):
        if isinstance(event, Step):
            assert not climbed.results
            climbed.steps.append(event)
        else:
            climbed.results.append(event)
    assert [result.element for result in climbed.results] == list(range(len(recipes)))
    return climbed
