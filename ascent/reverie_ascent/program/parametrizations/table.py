"""The table of parametrizations: from a state to its picture, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import differentiate
from reverie_ascent.program.parametrizations import cppn, fourier, laplacian, maco, multi_resolution, pixel
from reverie_ascent.program.parametrizations.colour import RGB
from reverie_ascent.program.parametrizations.entry import Entry
from reverie_ascent.random import Draws
from reverie_ascent.recipe.parametrization import (
    Cppn,
    Fourier,
    Laplacian,
    Maco,
    MultiResolution,
    Parametrization,
    Pixel,
)

PARAMETRIZATIONS: Mapping[type[Any], Entry] = {
    Fourier: fourier.ENTRY,
    Pixel: pixel.ENTRY,
    Laplacian: laplacian.ENTRY,
    MultiResolution: multi_resolution.ENTRY,
    Maco: maco.ENTRY,
    Cppn: cppn.ENTRY,
}


def decode(parametrization: Parametrization, size: Size, batch: int, channels: int = RGB) -> ir.Model:
    """Return the fragment state -> picture [B, C, H, W], and picture_gradient -> state_gradient."""
    graph = PARAMETRIZATIONS[type(parametrization)].graph(parametrization, size, batch, channels)
    return differentiate(graph, of="picture", wrt="state")


def forward(parametrization: Parametrization, size: Size, batch: int, channels: int = RGB) -> ir.Model:
    """Return the fragment state -> picture [B, C, H, W] without its gradient."""
    return PARAMETRIZATIONS[type(parametrization)].graph(parametrization, size, batch, channels)


def state_shape(
    parametrization: Parametrization, size: Size, batch: int, channels: int = RGB
) -> tuple[int, int, int, int]:
    """Return the shape of a batch of states; a flat state is [B, 1, 1, S]."""
    return batch, *PARAMETRIZATIONS[type(parametrization)].shape(parametrization, size, channels)


def initial_state(
    parametrization: Parametrization, draws: Draws, size: Size, channels: int = RGB
) -> npt.NDArray[np.float32]:
    """Return the first state of one element."""
    shape = state_shape(parametrization, size, 1, channels)[1:]
    first = PARAMETRIZATIONS[type(parametrization)].initial(parametrization, draws, shape)
    return first.astype(np.float32)


def bounds(parametrization: Parametrization) -> tuple[float, float] | None:
    """Return the range to which a new state is clipped after each step, None if it is not."""
    return (0.0, 1.0) if isinstance(parametrization, Pixel) and parametrization.range == "clamp" else None


def encode(parametrization: Parametrization, picture: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return a state that decodes to a picture [C, H, W] in 0..1.

    Numbers that a sigmoid or tanh would have to reach at infinity come out as 0.001 and 0.999. Raises ValueError for a
    parametrization without an inverse.
    """
    entry = PARAMETRIZATIONS[type(parametrization)]
    if entry.encode is None:
        known = ", ".join(kind.__name__ for kind, each in PARAMETRIZATIONS.items() if each.encode is not None)
        raise ValueError(f"{type(parametrization).__name__} cannot start from a picture; {known} can")
    return entry.encode(parametrization, np.asarray(picture, np.float64))
