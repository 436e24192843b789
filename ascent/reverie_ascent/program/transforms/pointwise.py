"""Stages that change each number of the picture by itself: colour shift and noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import differentiate, fragment
from reverie_ascent.program.transforms.stage import Array, Canvas
from reverie_ascent.program.transforms.steps import Moment
from reverie_ascent.random import Draws
from reverie_ascent.recipe.transform import ColourShift, Noise


@dataclass(frozen=True)
class ColourShiftStage:
    """x exp(s) + m for each channel; inverse (x - m) / exp(s) = x exp(-s) - m exp(-s)."""

    transform: ColourShift
    out: Canvas

    def shapes(self, batch: int, channels: int) -> Mapping[str, tuple[tuple[int, ...], type[np.generic]]]:
        """Return shape and type of the inputs that hold draws."""
        return dict.fromkeys(("factor", "offset"), ((batch, channels, 1, 1), np.float32))

    def graph(self, batch: int, channels: int) -> ir.Model:
        """Return the fragment."""
        picture, each = _shape(self.out, batch, channels), f"float[{batch}, {channels}, 1, 1]"
        model = fragment(
            f"colour_shift ({picture} picture, {each} factor, {each} offset) => ({picture} view)",
            "shifted = Mul(picture, factor) view = Add(shifted, offset)",
        )
        return differentiate(model, of="view", wrt="picture")

    def draw(self, arrays: Mapping[str, Array], size: Size, draws: Draws, moment: Moment) -> Size:
        """Fill one row of the inputs by a draw."""
        channels = arrays["factor"].size
        s = self.transform.scale * (2 * draws.uniforms(channels) - 1)
        m = self.transform.offset * (2 * draws.uniforms(channels) - 1)
        factor, offset = (np.exp(-s), -m * np.exp(-s)) if self.transform.inverse else (np.exp(s), m)
        arrays["factor"][..., 0, 0], arrays["offset"][..., 0, 0] = factor, offset
        return size

    def set_identity(self, arrays: Mapping[str, Array], size: Size, to: Size) -> Size:
        """Fill one row so that the colours stay."""
        arrays["factor"][:], arrays["offset"][:] = 1, 0
        return size


@dataclass(frozen=True)
class NoiseStage:
    """Adds random numbers, where the canvas shows the picture and around it."""

    transform: Noise
    out: Canvas

    def shapes(self, batch: int, channels: int) -> Mapping[str, tuple[tuple[int, ...], type[np.generic]]]:
        """Return shape and type of the inputs that hold draws."""
        sides = (1, 1) if self.transform.per_channel else self.out.size
        return {"noise": ((batch, channels, *sides), np.float32)}

    def graph(self, batch: int, channels: int) -> ir.Model:
        """Return the fragment."""
        picture, (shape, _) = _shape(self.out, batch, channels), self.shapes(batch, channels)["noise"]
        clip = self.transform.clipped
        model = fragment(
            f"noise ({picture} picture, float[{', '.join(map(str, shape))}] noise) => ({picture} view)",
            "noisy = Add(picture, noise) view = Clip(noisy, lowest, highest)" if clip else "view = Add(picture, noise)",
            {"lowest": np.array(0, np.float32), "highest": np.array(1, np.float32)} if clip else {},
        )
        return differentiate(model, of="view", wrt="picture")

    def draw(self, arrays: Mapping[str, Array], size: Size, draws: Draws, moment: Moment) -> Size:
        """Fill one row of the inputs by a draw."""
        transform, noise = self.transform, arrays["noise"]
        left = 1 - moment.step / moment.steps if transform.fading else 1.0
        noise[:] = 0
        if transform.deviation:
            noise += (left * transform.deviation * draws.normals(noise.size)).reshape(noise.shape)
        if transform.low or transform.high:
            width = transform.high - transform.low
            noise += (left * (transform.low + width * draws.uniforms(noise.size))).reshape(noise.shape)
        return size

    def set_identity(self, arrays: Mapping[str, Array], size: Size, to: Size) -> Size:
        """Fill one row with no noise."""
        arrays["noise"][:] = 0
        return size


def _shape(canvas: Canvas, batch: int, channels: int) -> str:
    return f"float[{batch}, {channels}, {canvas.size[0]}, {canvas.size[1]}]"
