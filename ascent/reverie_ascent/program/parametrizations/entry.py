"""What the table knows of a parametrization."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.random import Draws

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Entry:
    """One parametrization; each function gets its values, the dataclass of `recipe.parametrization`, first.

    ``graph(values, size, batch, channels)`` is the fragment state -> picture; ``shape(values, size, channels)`` the
    three sides of an element's state; ``initial(values, draws, shape)`` its first state; ``encode(values, picture)`` a
    state that decodes to a picture [C, H, W], or None if there is no inverse.
    """

    graph: Callable[[Any, Size, int, int], ir.Model]
    shape: Callable[[Any, Size, int], tuple[int, int, int]]
    initial: Callable[[Any, Draws, tuple[int, int, int]], Float]
    encode: Callable[[Any, Float], Float] | None = None


def normal(deviation: float, draws: Draws, shape: tuple[int, ...]) -> Float:
    """Return normal numbers of a standard deviation."""
    return (draws.normals(int(np.prod(shape))) * deviation).reshape(shape)


def spread(middle: float, half: float, draws: Draws, shape: tuple[int, ...]) -> Float:
    """Return uniform numbers from ``middle - half`` to ``middle + half``."""
    return (middle + half * (2 * draws.uniforms(int(np.prod(shape))) - 1)).reshape(shape)


def logit(picture: Float) -> Float:
    """Return the numbers whose sigmoid is a picture, at most 0.001 away from it at 0 and 1."""
    inside = np.clip(picture, 1e-3, 1 - 1e-3)
    made: Float = np.log(inside / (1 - inside))
    return made
