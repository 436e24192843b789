"""The stage that puts a picture with an alpha channel on a random background, after Lucid's collapse_alpha_random.

    view = alpha colours + (1 - alpha) background

The background is a Fourier picture of normal numbers, another one for each view and step, so that only what is opaque
can excite the unit reliably. Lucid blends after the transforms, which here come afterwards: a border that they add has
no alpha.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import differentiate, fragment
from reverie_ascent.program.parametrizations import forward, initial_state, state_shape
from reverie_ascent.program.stitch import stitch
from reverie_ascent.program.transforms.stage import Array, Canvas
from reverie_ascent.program.transforms.steps import Moment
from reverie_ascent.random import Draws
from reverie_ascent.recipe.parametrization import Fourier

#: Numbers between 0 and 1 with a standard deviation of 0.13, in large areas and small ones.
BACKGROUND = Fourier(deviation=0.5)


@dataclass(frozen=True)
class BackgroundStage:
    """Pictures with one channel more in, pictures on backgrounds out."""

    out: Canvas

    def shapes(self, batch: int, channels: int) -> Mapping[str, tuple[tuple[int, ...], type[np.generic]]]:
        """Return shape and type of the input that holds the backgrounds' spectra."""
        return {"background": (state_shape(BACKGROUND, self.out.size, batch, channels), np.float32)}

    def graph(self, batch: int, channels: int) -> ir.Model:
        """Return the fragment picture [B, C + 1, H, W] and background -> view [B, C, H, W], and its gradient."""
        height, width = self.out.size
        blend = fragment(
            f"blend (float[{batch}, {channels + 1}, {height}, {width}] picture,"
            f" float[{batch}, {channels}, {height}, {width}] background)"
            f" => (float[{batch}, {channels}, {height}, {width}] view)",
            """
            colours = Slice(picture, first, last, axis)
            alpha = Slice(picture, last, end, axis)
            difference = Sub(colours, background)
            opaque = Mul(difference, alpha)
            view = Add(background, opaque)
            """,
            {
                "first": np.array([0]),
                "last": np.array([channels]),
                "end": np.array([channels + 1]),
                "axis": np.array([1]),
            },
        )
        return stitch(
            {
                "noise": forward(BACKGROUND, self.out.size, batch, channels),
                "blend": differentiate(blend, of="view", wrt="picture"),
            },
            {
                "noise.state": "background",
                "blend.background": "noise.picture",
                "blend.picture": "picture",
                "blend.view_gradient": "view_gradient",
            },
            {"view": "blend.view", "picture_gradient": "blend.picture_gradient"},
        )

    def draw(self, arrays: Mapping[str, Array], size: Size, draws: Draws, moment: Moment) -> Size:
        """Fill one row with a spectrum."""
        arrays["background"][:] = initial_state(BACKGROUND, draws, self.out.size, len(arrays["background"]))
        return size

    def set_identity(self, arrays: Mapping[str, Array], size: Size, to: Size) -> Size:
        """Fill one row with the spectrum of grey."""
        arrays["background"][:] = 0
        return size
