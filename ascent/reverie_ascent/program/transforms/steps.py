"""The separable transforms: what each does to the rows and columns of a picture, by a draw.

Each entry of the table has a function of (transform, both lines, draws, moment) that changes the lines, and one of
(transform, sizes, axis, seen) that returns the sizes it may leave. `Moment` tells the step of the ascent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from reverie_proto.sizes import Size

from reverie_ascent.program.transforms.axis import Line, Sizes, scaled
from reverie_ascent.program.transforms.taps import blurred, moved, reflected, resized, sampled, window
from reverie_ascent.random import Draws
from reverie_ascent.recipe.transform import (
    Blur,
    Center,
    CropBox,
    Flip,
    Jitter,
    OneOf,
    Pad,
    RandomNumber,
    Resize,
    Roll,
    Scale,
    Translate,
)

Lines = tuple[Line, Line]

#: A picture may not grow beyond this side on its way to the network.
MAX_SIDE = 4096


@dataclass(frozen=True)
class Moment:
    """Where an ascent is: ``step`` 1, 2, ... of all ``steps``, and the size that the network sees."""

    step: int
    steps: int
    seen: Size


@dataclass(frozen=True)
class Separable:
    """A separable transform: what it does, and which sizes along axis 0 or 1 it may leave."""

    apply: Callable[[Any, Lines, Draws, Moment], None]
    sizes: Callable[[Any, Sizes, int, Size], Sizes]


def drawn(number: RandomNumber, draws: Draws) -> float:
    """Return a random number."""
    if isinstance(number, OneOf):
        return number.values[draws.integer(len(number.values))]
    return draws.uniform(number.low, number.high)


def values(number: RandomNumber) -> tuple[float, float] | tuple[float, ...]:
    """Return all values of a set, or both ends of a range."""
    return number.values if isinstance(number, OneOf) else (number.low, number.high)


def _unchanged(transform: Any, sizes: Sizes, axis: int, seen: Size) -> Sizes:
    return sizes


def _pad(pad: Pad, lines: Lines, draws: Draws, moment: Moment) -> None:
    for line in lines:
        if pad.mode == "reflect":
            line.apply(reflected(line.size, pad.px))
        else:
            line.add_border(window(line.size, -pad.px, line.size + 2 * pad.px))


def _jitter(jitter: Jitter, lines: Lines, draws: Draws, moment: Moment) -> None:
    for line in lines:
        line.apply(window(line.size, draws.integer(jitter.px + 1), line.size - jitter.px))


def _translate(translate: Translate, lines: Lines, draws: Draws, moment: Moment) -> None:
    for line in lines:
        by = translate.low + draws.integer(translate.high - translate.low + 1)
        line.apply(window(line.size, -by, line.size))


def _roll(roll: Roll, lines: Lines, draws: Draws, moment: Moment) -> None:
    for line in lines:
        by = draws.integer(2 * roll.px + 1) - roll.px
        line.apply(moved((np.arange(line.size) - by) % line.size))


def _scale(scale: Scale, lines: Lines, draws: Draws, moment: Moment) -> None:
    factor = drawn(scale.factor, draws)
    for i, line in enumerate(lines):
        if i and scale.separate:
            factor = drawn(scale.factor, draws)
        count = scaled(line.size, factor, scale.sampling)
        line.apply(resized(line.size, count, scale.sampling, scale.interpolation))


def _scale_sizes(scale: Scale, sizes: Sizes, axis: int, seen: Size) -> Sizes:
    # As `scaled`, for all at once: thousands of sizes times hundreds of factors are a million products.
    products = np.multiply.outer(np.array(sizes.all, np.float32), np.array(values(scale.factor), np.float32))
    rounded = np.ceil(products) if scale.sampling == "align_corners" else np.floor(products)
    ends = np.unique(np.maximum(1, rounded).astype(int)).tolist()
    return Sizes.of(ends if isinstance(scale.factor, OneOf) else range(ends[0], ends[-1] + 1))


def _center(center: Center, lines: Lines, draws: Draws, moment: Moment) -> None:
    fit(lines, center.size)


def fit(lines: Lines, size: Size) -> None:
    """Crop both lines around their middle, or pad them with zeros; an odd row more is cropped or padded at the end."""
    for line, count in zip(lines, size, strict=True):
        if line.size != count:
            line.apply(window(line.size, margin(line.size, count), count))


def margin(size: int, count: int) -> int:
    """Return the row at which the middle ``count`` rows of ``size`` begin; negative if rows are missing."""
    over = size - count
    return over // 2 if over >= 0 else -(-over // 2)


def _flip(flip: Flip, lines: Lines, draws: Draws, moment: Moment) -> None:
    if draws.uniform(0, 1) < flip.probability:
        _, columns = lines
        columns.apply(moved(np.arange(columns.size)[::-1]))


def _blur(blur: Blur, lines: Lines, draws: Draws, moment: Moment) -> None:
    deviation = draws.uniform(blur.deviation.low, blur.deviation.high)
    for line in lines:
        line.apply(blurred(line.size, deviation, blur.kernel))


def _resize(resize: Resize, lines: Lines, draws: Draws, moment: Moment) -> None:
    for line, count in zip(lines, resize.size or moment.seen, strict=True):
        line.apply(resized(line.size, count, resize.sampling, resize.interpolation))


def _crop_box(box: CropBox, lines: Lines, draws: Draws, moment: Moment) -> None:
    """Show a box of both lines: its side and its centre are drawn, and it stays inside."""
    if box.side_deviation is None:
        side = draws.uniform(box.side.low, box.side.high)
    else:
        passed = (moment.step - 1) / max(1, moment.steps - 1)
        mean = box.side.high + (box.side.low - box.side.high) * passed
        side = float(np.clip(mean + box.side_deviation * draws.normal(), box.side.low, 1.0))
    for line, count in zip(lines, moment.seen, strict=True):
        if box.centre_deviation is None:
            begin = draws.uniform(0, 1 - side)
        else:
            begin = float(np.clip(0.5 + box.centre_deviation * draws.normal() - side / 2, 0, 1 - side))
        position = line.size * (begin + (np.arange(count) + 0.5) * side / count) - 0.5
        line.apply(sampled(position, line.size, "half_pixel", box.interpolation))


SEPARABLE: Mapping[type[Any], Separable] = {
    Pad: Separable(_pad, lambda t, sizes, axis, seen: Sizes.of([k + 2 * t.px for k in sizes.all])),
    Jitter: Separable(_jitter, lambda t, sizes, axis, seen: Sizes.of([k - t.px for k in sizes.all])),
    Translate: Separable(_translate, _unchanged),
    Roll: Separable(_roll, _unchanged),
    Scale: Separable(_scale, _scale_sizes),
    CropBox: Separable(_crop_box, lambda t, sizes, axis, seen: Sizes((seen[axis],))),
    Center: Separable(_center, lambda t, sizes, axis, seen: Sizes((t.size[axis],))),
    Flip: Separable(_flip, _unchanged),
    Blur: Separable(_blur, _unchanged),
    Resize: Separable(_resize, lambda t, sizes, axis, seen: Sizes(((t.size or seen)[axis],))),
}


def check(transforms: tuple[Any, ...], size: Size, seen: Size) -> str:
    """Return a sentence about a transform that does not fit the sizes it may meet; empty if all fit."""
    sizes = tuple(Sizes((side,)) for side in size)
    for i, transform in enumerate(transforms):
        least = min(each.least for each in sizes)
        if isinstance(transform, Jitter) and transform.px >= least:
            return f"transforms[{i}]: a jitter of {transform.px} px leaves nothing of a picture of {least} px"
        if isinstance(transform, Pad) and transform.mode == "reflect" and transform.px >= least:
            return f"transforms[{i}]: {transform.px} px cannot be reflected of {least} px; at most {least - 1} can"
        if (entry := SEPARABLE.get(type(transform))) is not None:
            sizes = tuple(entry.sizes(transform, each, axis, seen) for axis, each in enumerate(sizes))
        if (most := max(each.most for each in sizes)) > MAX_SIDE:
            return f"transforms[{i}]: the picture would have up to {most} px a side there; at most {MAX_SIDE} are made"
    return ""
