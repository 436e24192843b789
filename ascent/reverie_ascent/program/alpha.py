"""The alpha channel: pictures that are transparent where the objective does not need them, after Lucid.

The state is flat, [B, 1, 1, S]: the numbers of the colours, then those of alpha, which is a picture of one channel with
the same parametrization. The network sees the picture on random backgrounds (`transforms.background`), and the
objective is multiplied by 1 - mean(alpha), so that what does not excite the unit becomes transparent (Lucid's notebooks
and its recipes for Microscope).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import fragment
from reverie_ascent.program import parametrizations
from reverie_ascent.program.stitch import stitch
from reverie_ascent.random import Draws
from reverie_ascent.recipe.parametrization import Parametrization


def state_shape(parametrization: Parametrization, size: Size, batch: int, channels: int) -> tuple[int, int, int, int]:
    """Return the shape of a batch of states."""
    return batch, 1, 1, sum(_lengths(parametrization, size, channels))


def initial_state(parametrization: Parametrization, draws: Draws, size: Size, channels: int) -> npt.NDArray[np.float32]:
    """Return the first state of one element: the colours as without alpha, and alpha about 0.5."""
    parts = [parametrizations.initial_state(parametrization, draws, size, count) for count in (channels, 1)]
    return np.concatenate([part.reshape(1, 1, -1) for part in parts], axis=2)


def decode(parametrization: Parametrization, size: Size, batch: int, channels: int) -> ir.Model:
    """Return the fragment state -> picture [B, C + 1, H, W], and picture_gradient -> state_gradient."""
    parts = {
        "colours": parametrizations.decode(parametrization, size, batch, channels),
        "alpha": parametrizations.decode(parametrization, size, batch, 1),
    }
    wires = {
        **{f"{part}.state": f"split.{part}" for part in parts},
        **{f"join.{part}": f"{part}.picture" for part in parts},
        **{f"{part}.picture_gradient": f"apart.{part}" for part in parts},
        **{f"together.{part}": f"{part}.state_gradient" for part in parts},
        "split.state": "state",
        "apart.picture_gradient": "picture_gradient",
    }
    outputs = {"picture": "join.picture", "state_gradient": "together.state_gradient"}
    return stitch({**parts, **_ends(parametrization, size, batch, channels)}, wires, outputs)


def forward(parametrization: Parametrization, size: Size, batch: int, channels: int) -> ir.Model:
    """Return the fragment state -> picture [B, C + 1, H, W]."""
    parts = {
        "colours": parametrizations.forward(parametrization, size, batch, channels),
        "alpha": parametrizations.forward(parametrization, size, batch, 1),
    }
    ends = _ends(parametrization, size, batch, channels)
    wires = {
        **{f"{part}.state": f"split.{part}" for part in parts},
        **{f"join.{part}": f"{part}.picture" for part in parts},
        "split.state": "state",
    }
    return stitch({**parts, "split": ends["split"], "join": ends["join"]}, wires, {"picture": "join.picture"})


def fade(shape: tuple[int, int, int, int], renders: int, seen: tuple[int, ...]) -> ir.Model:
    """Return the fragment that multiplies the objective by 1 - mean(alpha).

    score [N], picture [B, C + 1, H, W], gradient (of the objective by what the network sees, of the shape ``seen``)
    -> faded_gradient, and alpha_gradient [B, C + 1, H, W], which is that of the factor: -score / pixels at alpha.
    """
    pictures, channels, height, width = shape
    group, rows = pictures // renders, seen[0]
    seen_kind = f"float[{', '.join(map(str, seen))}]"
    kind = f"float[{pictures}, {channels}, {height}, {width}]"
    at_alpha = np.zeros((1, channels, 1, 1), np.float32)
    at_alpha[0, -1] = -1 / (group * height * width)
    return fragment(
        f"fade (float[{renders}] score, {kind} picture, {seen_kind} gradient)"
        f" => ({seen_kind} faded_gradient, {kind} alpha_gradient)",
        """
        alpha = Slice(picture, last, end, axis)
        beside = Reshape(alpha, by_render)
        mean = ReduceMean <keepdims = 1> (beside, axis)
        factor = Sub(one, mean)
        each = Expand(factor, times)
        column = Reshape(each, rows)
        faded_gradient = Mul(gradient, column)
        level = Reshape(score, by_score)
        spread = Expand(level, pictures)
        line = Reshape(spread, lines)
        pull = Mul(line, at_alpha)
        alpha_gradient = Expand(pull, whole)
        """,
        {
            "last": np.array([channels - 1]),
            "end": np.array([channels]),
            "axis": np.array([1]),
            "by_render": np.array([renders, group * height * width]),
            "one": np.array(1, np.float32),
            "times": np.array([renders, rows // renders]),
            "rows": np.array([rows, 1, 1, 1]),
            "by_score": np.array([renders, 1]),
            "pictures": np.array([renders, group]),
            "lines": np.array([pictures, 1, 1, 1]),
            "at_alpha": at_alpha,
            "whole": np.array(shape),
        },
    )


def _lengths(parametrization: Parametrization, size: Size, channels: int) -> tuple[int, int]:
    """Return how many numbers of the state are the colours' and how many alpha's."""
    shapes = (parametrizations.state_shape(parametrization, size, 1, count) for count in (channels, 1))
    colours, alpha = (int(np.prod(shape)) for shape in shapes)
    return colours, alpha


def _ends(parametrization: Parametrization, size: Size, batch: int, channels: int) -> dict[str, ir.Model]:
    """Return the fragments that divide states and pictures into colours and alpha, and join them."""
    lengths = _lengths(parametrization, size, channels)
    states = [parametrizations.state_shape(parametrization, size, batch, count) for count in (channels, 1)]
    of_state = [f"float[{', '.join(map(str, shape))}]" for shape in states]
    whole = f"float[{batch}, 1, 1, {sum(lengths)}]"
    of_picture = [f"float[{batch}, {count}, {size[0]}, {size[1]}]" for count in (channels, 1, channels + 1)]
    numbers = {
        "lengths": np.array(lengths),
        "counts": np.array([channels, 1]),
        **{f"{name}_shape": np.array(shape) for name, shape in zip(("colours", "alpha"), states, strict=True)},
        **{f"{name}_flat": np.array([batch, 1, 1, n]) for name, n in zip(("colours", "alpha"), lengths, strict=True)},
    }
    return {
        "split": fragment(
            f"split ({whole} state) => ({of_state[0]} colours, {of_state[1]} alpha)",
            """
            one, other = Split <axis = 3> (state, lengths)
            colours = Reshape(one, colours_shape)
            alpha = Reshape(other, alpha_shape)
            """,
            numbers,
        ),
        "join": fragment(
            f"join ({of_picture[0]} colours, {of_picture[1]} alpha) => ({of_picture[2]} picture)",
            "picture = Concat <axis = 1> (colours, alpha)",
        ),
        "apart": fragment(
            f"apart ({of_picture[2]} picture_gradient) => ({of_picture[0]} colours, {of_picture[1]} alpha)",
            "colours, alpha = Split <axis = 1> (picture_gradient, counts)",
            numbers,
        ),
        "together": fragment(
            f"together ({of_state[0]} colours, {of_state[1]} alpha) => ({whole} state_gradient)",
            """
            one = Reshape(colours, colours_flat)
            other = Reshape(alpha, alpha_flat)
            state_gradient = Concat <axis = 3> (one, other)
            """,
            numbers,
        ),
    }
