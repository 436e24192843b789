"""Divides a list of transforms into stages, and computes the canvas between each two."""

from __future__ import annotations

from collections.abc import Sequence

from reverie_proto.sizes import Size

from reverie_ascent.program.transforms.axis import Sizes
from reverie_ascent.program.transforms.background import BackgroundStage
from reverie_ascent.program.transforms.pointwise import ColourShiftStage, NoiseStage
from reverie_ascent.program.transforms.separable import SeparableStage
from reverie_ascent.program.transforms.stage import Canvas, Stage
from reverie_ascent.program.transforms.steps import SEPARABLE
from reverie_ascent.program.transforms.turn import TurnStage
from reverie_ascent.recipe.transform import Center, ColourShift, Jitter, Noise, Rotate, Transform

#: What a rotation does on the way, because it only chooses rows and columns one after the other.
MOVES = (Jitter, Center)


def stages(transforms: Sequence[Transform], size: Size, seen: Size, *, alpha: bool = False) -> tuple[Stage, ...]:
    """Return the stages from a picture of a size, with or without ``alpha``, to what the network sees.

    Adjacent separable transforms form one stage, a rotation and the moves after it another. If the size changes at
    all, a separable stage is there that can resize the picture when it is measured without transforms.
    """
    parts = _with_canvases(_parts(transforms))
    if size != seen and not any(_is_separable(part) for part in parts):
        parts = [[], *parts]
    last = max((i for i, part in enumerate(parts) if not (part and _is_pointwise(part[0]))), default=-1)
    canvas = Canvas(size, Sizes((size[0],)), Sizes((size[1],)))
    made: list[Stage] = [BackgroundStage(canvas)] if alpha else []
    for i, part in enumerate(parts):
        centred = i + 1 < len(parts) and _rotates(parts[i + 1])
        made.append(_stage(part, canvas, size, seen, is_last=i == last, centred=centred))
        canvas = made[-1].out
    return tuple(made)


def _with_canvases(parts: Sequence[list[Transform]]) -> list[list[Transform]]:
    """Return the parts with a separable one before each rotation, which needs a canvas with an empty row and column."""
    spaced: list[list[Transform]] = []
    for part in parts:
        if _rotates(part) and not (spaced and _is_separable(spaced[-1])):
            spaced.append([])
        spaced.append(part)
    return spaced


def _is_separable(part: Sequence[Transform]) -> bool:
    return not part or isinstance(part[0], tuple(SEPARABLE))


def _rotates(part: Sequence[Transform]) -> bool:
    return bool(part) and isinstance(part[0], Rotate)


def _is_pointwise(transform: Transform) -> bool:
    return isinstance(transform, ColourShift | Noise)


def _parts(transforms: Sequence[Transform]) -> list[list[Transform]]:
    parts: list[list[Transform]] = []
    for transform in transforms:
        before = parts[-1][0] if parts else None
        joins = isinstance(transform, tuple(SEPARABLE)) and isinstance(before, tuple(SEPARABLE))
        if joins or (isinstance(transform, MOVES) and isinstance(before, Rotate) and _only_moves(parts[-1])):
            parts[-1].append(transform)
        else:
            parts.append([transform])
    return parts


def _only_moves(part: Sequence[Transform]) -> bool:
    return all(isinstance(each, MOVES) for each in part[1:])


def _stage(part: Sequence[Transform], source: Canvas, size: Size, seen: Size, *, is_last: bool, centred: bool) -> Stage:
    """Return one stage; ``size`` is that of the picture, which must fit into the canvas when nothing is transformed."""
    if part and isinstance(part[0], ColourShift):
        return ColourShiftStage(part[0], source)
    if part and isinstance(part[0], Noise):
        return NoiseStage(part[0], source)
    rotate = part[0] if part and isinstance(part[0], Rotate) else None
    rows, columns = source.rows, source.columns
    for transform in part[1:] if rotate is not None else part:
        entry = SEPARABLE[type(transform)]
        rows, columns = (entry.sizes(transform, each, axis, seen) for axis, each in enumerate((rows, columns)))
    if is_last:
        out = Canvas(seen, Sizes((seen[0],)), Sizes((seen[1],)))
    else:
        # A rotation needs an empty last row and column, which represent black.
        extra = 1 if centred else 0
        high, wide = (max(k.most, a, b) + extra for k, a, b in zip((rows, columns), size, seen, strict=True))
        out = Canvas((high, wide), rows, columns, centred)
    if rotate is not None:
        return TurnStage(rotate, tuple(part[1:]), source, out, is_last)
    return SeparableStage(tuple(part), source, out, is_last)
