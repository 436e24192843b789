"""Measures what a random transform did, theirs and ours alike, by the picture of a ramp that it was shown.

Red of the ramp is the number of the row and green that of the column, so a view tells where each of its pixels lay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from reverie_ascent.random import Draws
from reverie_ascent.recipe.transform import Transform
from reverie_proto.sizes import Size

from tests.ascent.exact import Array, Numbers
from tests.ascent.program.transforms.looking import ROWS, Look

#: How many draws a test observes. An end of a range that one draw in twenty reaches is missed once in 30 million times.
DRAWS = 300


@dataclass(frozen=True)
class Seen:
    """What a view shows: how much larger than the picture, turned by how many degrees, and which pixel in the middle.

    A positive ``turn`` is that of our own transforms.
    """

    zoom: float
    turn: float
    row: float
    column: float


def ramp(size: Size) -> Numbers:
    """Return the picture [3, H, W]; blue is 1 everywhere."""
    rows, columns = np.indices(size, np.float64)
    return np.stack([rows, columns, np.ones(size)])


def measure(view: Array) -> Seen:
    """Return what a view [3, H, W] of the ramp shows, by the pixels around its middle."""
    (_, height, width), reach = view.shape, 2
    row, column = height // 2, width // 2
    down = (view[:2, row + reach, column] - view[:2, row - reach, column]) / (2 * reach)
    right = (view[:2, row, column + reach] - view[:2, row, column - reach]) / (2 * reach)
    area = down[0] * right[1] - down[1] * right[0]
    return Seen(
        float(1 / np.sqrt(area)),
        float(np.degrees(np.arctan2(right[0] - down[1], right[1] + down[0]))),
        float(view[0, row, column]),
        float(view[1, row, column]),
    )


def our_views(transforms: Sequence[Transform], size: Size, seen: Size | None = None, *, step: int = 1) -> list[Seen]:
    """Return what many draws of our own transforms show, at a step of 10."""
    look, made = Look(transforms, size, seen), []
    pictures = np.repeat(ramp(size)[None], ROWS, 0)
    for seed in range(DRAWS // ROWS):
        look.draw(*(Draws(seed, step, view=row) for row in range(ROWS)), step=step)
        made += [measure(view) for view in look.view(pictures)]
    return made


def fills(found: Sequence[float], low: float, high: float, slack: float = 1e-3) -> None:
    """Assert that numbers lie in a range and reach 90 % of it, half of the rest at each end."""
    margin = 0.05 * (high - low)
    assert low - slack <= min(found) <= low + margin + slack, (min(found), low, high)
    assert high - margin - slack <= max(found) <= high + slack, (max(found), low, high)


def spread(draw: Callable[[], float], count: int = DRAWS) -> list[float]:
    """Return the numbers of many draws."""
    return [draw() for _ in range(count)]
