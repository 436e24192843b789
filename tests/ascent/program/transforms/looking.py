"""Runs a list of transforms in float64, stage by stage, for a batch of views."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from reverie_ascent.program.transforms import Views, stages
from reverie_ascent.random import Draws
from reverie_ascent.recipe.transform import Transform
from reverie_proto.sizes import Size

from tests.ascent.exact import Array, Exact, Numbers

ROWS, CHANNELS = 2, 3


class Chosen(Draws):
    """Draws that a test chooses: whole numbers, and shares of ranges from 0 to 1."""

    def __init__(self, integers: Iterable[int] = (), shares: Iterable[float] = ()) -> None:
        super().__init__(0, 0)
        self._integers, self._shares = iter(integers), iter(shares)

    def integer(self, count: int) -> int:
        """Return the next whole number."""
        number = next(self._integers)
        assert 0 <= number < count
        return number

    def uniforms(self, count: int) -> Numbers:
        """Return the next shares."""
        return np.array([next(self._shares) for _ in range(count)])


class Look:
    """A list of transforms for pictures of one size, with its stages in float64."""

    def __init__(self, transforms: Sequence[Transform], size: Size, seen: Size | None = None) -> None:
        self.size, self.seen = size, seen or size
        self.stages = stages(tuple(transforms), size, self.seen)
        self.views = Views(self.stages, ROWS, CHANNELS, size, self.seen)
        self._runs = [Exact(stage.graph(ROWS, CHANNELS)) for stage in self.stages]

    def draw(self, *draws: Draws, step: int = 1, steps: int = 10) -> None:
        """Apply a draw to each view."""
        for row, each in enumerate(draws):
            self.views.draw(row, each, step, steps)

    def inputs(self, stage: int) -> dict[str, Array]:
        """Return the inputs of a stage that hold draws."""
        prefix = f"view{stage}."
        return {name[len(prefix) :]: a for name, a in self.views.arrays.items() if name.startswith(prefix)}

    def view(self, pictures: Numbers) -> Numbers:
        """Return what the network sees of a batch of pictures."""
        return self.canvases(pictures)[-1]

    def canvases(self, pictures: Numbers) -> list[Numbers]:
        """Return what each stage leaves, after the pictures themselves."""
        canvases = [pictures]
        for i, stage in enumerate(self.stages):
            canvases.append(self._run(i, canvases[-1], np.zeros((ROWS, CHANNELS, *stage.out.size)))["view"])
        return canvases

    def gradient(self, pictures: Numbers, back: Numbers) -> Numbers:
        """Return the gradient by the pictures of <view, back>."""
        canvases = self.canvases(pictures)
        for i in reversed(range(len(self.stages))):
            back = self._run(i, canvases[i], back)["picture_gradient"]
        return back

    def _run(self, stage: int, picture: Numbers, back: Numbers) -> dict[str, Any]:
        return self._runs[stage]({"picture": picture, "view_gradient": back} | self.inputs(stage))


def noise(size: Size, seed: int) -> Numbers:
    """Return random pictures of a batch."""
    return np.random.default_rng(seed).random((ROWS, CHANNELS, *size))
