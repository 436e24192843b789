"""Pixel: the state is the picture before the map to 0..1, or the picture itself."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import fragment
from reverie_ascent.program.parametrizations import colour
from reverie_ascent.program.parametrizations.entry import Entry, Float, logit, normal, spread
from reverie_ascent.random import Draws
from reverie_ascent.recipe.parametrization import Pixel

SQUASHED = {"sigmoid": "sigmoid", "tanh": "tanh", "clamp": "plain", "unbounded": "plain"}


def _graph(values: Pixel, size: Size, batch: int, channels: int) -> ir.Model:
    shape = f"float[{batch}, {channels}, {size[0]}, {size[1]}]"
    end = colour.end(values.colour, size, batch, channels, SQUASHED[values.range])
    body = end.body.replace("waves", "state")
    return fragment(f"decode ({shape} state) => ({shape} picture)", body, end.constants)


def _shape(values: Pixel, size: Size, channels: int) -> tuple[int, int, int]:
    return channels, *size


def _initial(values: Pixel, draws: Draws, shape: tuple[int, int, int]) -> Float:
    if values.noise == "uniform":
        return spread(values.mean, values.deviation, draws, shape)
    first = normal(values.deviation, draws, shape) + values.mean
    return np.clip(first, 0, 1) if values.range == "clamp" else first


def _encode(values: Pixel, picture: Float) -> Float:
    state = picture
    if values.range in ("sigmoid", "tanh"):
        state = logit(picture) / (2 if values.range == "tanh" else 1)  # tanh(x / 2) is 2 sigmoid(x) - 1
    basis = colour.matrix(values.colour, len(picture))
    made: Float = state if basis is None else np.einsum("ij,jhw->ihw", np.linalg.inv(basis), state)
    return made


ENTRY = Entry(_graph, _shape, _initial, _encode)
