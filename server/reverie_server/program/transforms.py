"""The random transforms that the network looks through, as pieces, each with its exact adjoint.

What is drawn comes in as data: matrices for jitter and scale, tables for rotation and the last jitter, a mask for what
lies outside. So one graph serves every draw, each element of a batch has its own, and draws are the same everywhere.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from reverie_server.piece import differentiate, piece
from reverie_server.program.geometry import PAD, PAD_VALUE, Geometry
from reverie_server.program.rotation import TIMES


def resample(geometry: Geometry, batch: int) -> ir.Model:
    """Pad, jitter, scale: picture, rows [N, 1, M, P], columns [N, 1, P, M] -> canvas [N, 3, M, M].

    And canvas_gradient -> picture_gradient.
    """
    size, padded, canvas = geometry.size, geometry.padded, geometry.canvas
    model = piece(
        f"resample (float[{batch}, 3, {size}, {size}] picture,"
        f" float[{batch}, 1, {canvas}, {padded}] rows, float[{batch}, 1, {padded}, {canvas}] columns)"
        f" => (float[{batch}, 3, {canvas}, {canvas}] canvas)",
        """
        framed = Pad(picture, margins, grey)
        tall = MatMul(rows, framed)
        canvas = MatMul(tall, columns)
        """,
        {"margins": np.array([0, 0, PAD, PAD, 0, 0, PAD, PAD]), "grey": np.array(PAD_VALUE, np.float32)},
    )
    return differentiate(model, of="canvas", wrt="picture")


def turn(geometry: Geometry, batch: int) -> ir.Model:
    """Rotate, jitter, crop or pad: canvas, there [N S S], mask [N, 1, S, S] -> view [N, 3, S, S].

    And view_gradient, back [2 N M M] -> canvas_gradient, written by hand: the adjoint of picking by ``there`` is
    picking by ``back``, which points into the view laid into rows of M, black beyond S, and adding up.
    """
    size, canvas = geometry.size, geometry.canvas
    view = f"float[{batch}, 3, {size}, {size}]"
    field = f"float[{batch}, 3, {canvas}, {canvas}]"
    return piece(
        f"turn ({field} canvas, int32[{batch * size * size}] there, float[{batch}, 1, {size}, {size}] mask,"
        f" {view} view_gradient, int32[{TIMES * batch * canvas * canvas}] back)"
        f" => ({view} view, {field} canvas_gradient)",
        """
        colours = Transpose <perm = [1, 0, 2, 3]> (canvas)
        cells = Reshape(colours, line)
        picked = Gather <axis = 1> (cells, there)
        pixels = Reshape(picked, colour_view)
        whole = Transpose <perm = [1, 0, 2, 3]> (pixels)
        view = Mul(whole, mask)

        seen = Mul(view_gradient, mask)
        wide = Pad(seen, margins)
        wide_colours = Transpose <perm = [1, 0, 2, 3]> (wide)
        sources = Reshape(wide_colours, line)
        returned = Gather <axis = 1> (sources, back)
        shares = Reshape(returned, colour_shares)
        sums = ReduceSum <keepdims = 0> (shares, times)
        canvas_gradient = Transpose <perm = [1, 0, 2, 3]> (sums)
        """,
        {
            "line": np.array([3, -1]),
            "colour_view": np.array([3, batch, size, size]),
            "margins": np.array([0, 0, 0, 0, 0, 0, 0, canvas - size]),
            "colour_shares": np.array([3, TIMES, batch, canvas, canvas]),
            "times": np.array([1]),
        },
    )
