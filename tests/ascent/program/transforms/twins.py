"""Every transform in plain numpy, one after the other on pictures of any size: an oracle for the stages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from reverie_ascent.program.transforms.stage import Canvas
from reverie_ascent.random import Draws
from reverie_ascent.recipe.transform import (
    Blur,
    Center,
    ColourShift,
    CropBox,
    Flip,
    Jitter,
    Noise,
    OneOf,
    Pad,
    RandomNumber,
    Resize,
    Roll,
    Rotate,
    Scale,
    Transform,
    Translate,
)
from reverie_proto.sizes import Size

from tests.ascent.exact import Numbers
from tests.ascent.lucid import crop_or_pad, rotate
from tests.ascent.program.parametrizations.twins import cubic_weight


@dataclass
class World:
    """What a transform may depend on besides the picture: its draws, the step, and the size that the network sees.

    ``canvases`` are those in which noise is drawn, which may be larger than the picture, in order.
    """

    draws: Draws
    step: int
    steps: int
    seen: Size
    canvases: Iterator[Canvas]


def look(picture: Numbers, transforms: tuple[Transform, ...], world: World) -> Numbers:
    """Return the view of a picture [C, H, W]; what the network sees is cropped from the middle, or padded.

    That is done after the last step that moves pixels, or first if there is none.
    """
    moving = [i for i, each in enumerate(transforms) if not isinstance(each, Noise | ColourShift)]
    x = picture if moving else middle(picture, world.seen)
    for i, transform in enumerate(transforms):
        x = TWINS[type(transform)](x, transform, world)
        if moving and i == moving[-1]:
            x = middle(x, world.seen)
    return x


def middle(x: Numbers, size: Size) -> Numbers:
    return crop_or_pad(crop_or_pad(x, 1, size[0]), 2, size[1])


def drawn(number: RandomNumber, draws: Draws) -> float:
    if isinstance(number, OneOf):
        return number.values[draws.integer(len(number.values))]
    return number.low + (number.high - number.low) * float(draws.uniforms(1)[0])


def pad(x: Numbers, t: Pad, world: World) -> Numbers:
    borders = [(0, 0), (t.px, t.px), (t.px, t.px)]
    return np.pad(x, borders, mode="reflect") if t.mode == "reflect" else np.pad(x, borders, constant_values=t.value)


def jitter(x: Numbers, t: Jitter, world: World) -> Numbers:
    top, left = (world.draws.integer(t.px + 1) for _ in range(2))
    return x[:, top : x.shape[1] - t.px + top, left : x.shape[2] - t.px + left]


def translate(x: Numbers, t: Translate, world: World) -> Numbers:
    down, right = (t.low + world.draws.integer(t.high - t.low + 1) for _ in range(2))
    out = np.zeros_like(x)
    for i, j in np.ndindex(x.shape[1:]):
        if 0 <= i - down < x.shape[1] and 0 <= j - right < x.shape[2]:
            out[:, i, j] = x[:, i - down, j - right]
    return out


def roll(x: Numbers, t: Roll, world: World) -> Numbers:
    down, right = (world.draws.integer(2 * t.px + 1) - t.px for _ in range(2))
    return np.roll(x, (down, right), (1, 2))


def sample(x: Numbers, axis: int, positions: list[float], interpolation: str) -> Numbers:
    """Return the picture at positions along an axis; beyond the ends it is repeated."""
    last, lines = x.shape[axis] - 1, []
    for position in positions:
        if interpolation == "nearest":
            taps = [(math.floor(position + 0.5), 1.0)]
        elif interpolation == "bilinear":
            low = math.floor(max(position, 0))
            taps = [(low, 1 - (max(position, 0) - low)), (low + 1, max(position, 0) - low)]
        else:
            low = math.floor(position)
            taps = [(k, cubic_weight(position - k)) for k in range(low - 1, low + 3)]
        lines.append(sum(weight * x.take(min(max(k, 0), last), axis) for k, weight in taps))
    return np.stack(lines, axis)


def resize_axis(x: Numbers, axis: int, count: int, sampling: str, interpolation: str) -> Numbers:
    side = x.shape[axis]
    if sampling == "legacy":
        shift = -0.5 if interpolation == "nearest" else 0.0  # TensorFlow rounds down
        positions = [i * side / count + shift for i in range(count)]
    elif sampling == "half_pixel":
        positions = [(i + 0.5) * side / count - 0.5 for i in range(count)]
    else:
        positions = [i * (side - 1) / max(count - 1, 1) for i in range(count)]
    return sample(x, axis, positions, interpolation)


def scale(x: Numbers, t: Scale, world: World) -> Numbers:
    factor = drawn(t.factor, world.draws)
    for axis in (1, 2):
        if axis == 2 and t.separate:
            factor = drawn(t.factor, world.draws)
        product = np.float32(factor) * np.float32(x.shape[axis])
        count = math.ceil(product) if t.sampling == "align_corners" else math.floor(product)
        x = resize_axis(x, axis, max(1, count), t.sampling, t.interpolation)
    return x


def turn(x: Numbers, t: Rotate, world: World) -> Numbers:
    degrees = drawn(t.degrees, world.draws)
    if t.interpolation == "nearest":
        return rotate(x, 3.14 * degrees / 180)
    (_, height, width), angle, out = x.shape, math.radians(degrees), np.zeros_like(x)
    for i, j in np.ndindex(height, width):
        y, z = i - (height - 1) / 2, j - (width - 1) / 2
        column = math.cos(angle) * z - math.sin(angle) * y + (width - 1) / 2
        row = math.sin(angle) * z + math.cos(angle) * y + (height - 1) / 2
        for k in (math.floor(row), math.floor(row) + 1):
            for n in (math.floor(column), math.floor(column) + 1):
                if 0 <= k < height and 0 <= n < width:
                    out[:, i, j] += (1 - abs(row - k)) * (1 - abs(column - n)) * x[:, k, n]
    return out


def crop_box(x: Numbers, t: CropBox, world: World) -> Numbers:
    if t.side_deviation is None:
        side = drawn(t.side, world.draws)
    else:
        passed = (world.step - 1) / max(1, world.steps - 1)
        mean = (1 - passed) * t.side.high + passed * t.side.low
        side = min(1.0, max(t.side.low, mean + t.side_deviation * float(world.draws.normals(1)[0])))
    for axis, count in ((1, world.seen[0]), (2, world.seen[1])):
        if t.centre_deviation is None:
            begin = (1 - side) * float(world.draws.uniforms(1)[0])
        else:
            centre = 0.5 + t.centre_deviation * float(world.draws.normals(1)[0])
            begin = min(max(centre - side / 2, 0.0), 1 - side)
        length = x.shape[axis]
        positions = [length * (begin + (i + 0.5) * side / count) - 0.5 for i in range(count)]
        x = sample(x, axis, positions, t.interpolation)
    return x


def center(x: Numbers, t: Center, world: World) -> Numbers:
    return middle(x, t.size)


def flip(x: Numbers, t: Flip, world: World) -> Numbers:
    return x[:, :, ::-1] if float(world.draws.uniforms(1)[0]) < t.probability else x


def noise(x: Numbers, t: Noise, world: World) -> Numbers:
    canvas = next(world.canvases)
    top, left = canvas.begin((x.shape[1], x.shape[2]))
    shape = (x.shape[0], 1, 1) if t.per_channel else (x.shape[0], *canvas.size)
    left_over = 1 - world.step / world.steps if t.fading else 1.0
    added = np.zeros(shape)
    if t.deviation:
        added += left_over * t.deviation * world.draws.normals(added.size).reshape(shape)
    if (t.low, t.high) != (0, 0):
        added += left_over * (t.low + (t.high - t.low) * world.draws.uniforms(added.size).reshape(shape))
    if not t.per_channel:
        added = added[:, top : top + x.shape[1], left : left + x.shape[2]]
    return np.clip(x + added, 0, 1) if t.clipped else x + added


def colour_shift(x: Numbers, t: ColourShift, world: World) -> Numbers:
    s = t.scale * (2 * world.draws.uniforms(len(x)) - 1)[:, None, None]
    m = t.offset * (2 * world.draws.uniforms(len(x)) - 1)[:, None, None]
    made: Numbers = (x - m) / np.exp(s) if t.inverse else x * np.exp(s) + m
    return made


def blur(x: Numbers, t: Blur, world: World) -> Numbers:
    deviation = drawn(t.deviation, world.draws)
    reach = t.kernel // 2
    kernel = np.array([math.exp(-((k - reach) ** 2) / (2 * deviation**2)) for k in range(t.kernel)])
    kernel /= kernel.sum()
    for axis in (1, 2):
        x = np.apply_along_axis(lambda line: np.convolve(np.pad(line, reach), kernel, "valid"), axis, x)
    return x


def resize(x: Numbers, t: Resize, world: World) -> Numbers:
    for axis, count in zip((1, 2), t.size or world.seen, strict=True):
        x = resize_axis(x, axis, count, t.sampling, t.interpolation)
    return x


TWINS: Mapping[type[Any], Callable[[Numbers, Any, World], Numbers]] = {
    Pad: pad,
    Jitter: jitter,
    Translate: translate,
    Roll: roll,
    Scale: scale,
    Rotate: turn,
    CropBox: crop_box,
    Center: center,
    Flip: flip,
    Noise: noise,
    ColourShift: colour_shift,
    Blur: blur,
    Resize: resize,
}
