"""Rules for slicing, padding and gathering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from reverie_gradient.gathering import arange, gather_back, select_back
from reverie_gradient.shapes import crop, dilate, pad, shape_of, sizes, static_dims
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term

# ----- Slice: pad the gradient with zeros -----


@vjp("Slice")
def _slice(call: Call) -> Sequence[Term | None]:
    x, y, dy = call.x, call.y, call.dy
    steps = _slice_steps(call)
    for axis, step in steps.items():
        if step < 0:  # the last element taken is the first one in place
            dy = dy.apply("Slice", *([v] for v in (-1, np.iinfo(np.int64).min, axis, -1)))
    dy = dilate(dy, [abs(s) for s in steps.values()], list(steps), x.rank)
    reach = np.array([abs(steps.get(axis, 1)) for axis in range(x.rank)], np.int64)

    starts, dims, taken = call.constant(1), static_dims(x), static_dims(y)
    if starts is not None and dims is not None and taken is not None:
        extent = (np.array(taken, np.int64) - 1) * reach + 1
        before = np.zeros(x.rank, np.int64)
        for start, (axis, step) in zip(starts, steps.items(), strict=True):
            first, _, _ = slice(int(start), None, step).indices(dims[axis])
            before[axis] = first + min(step, 0) * (taken[axis] - 1)
        after = np.array(dims, np.int64) - before - extent
        return [pad(dy, before.tolist(), after.tolist())]
    before_ = _first_index(call, steps)
    after_ = shape_of(x) - before_ - ((shape_of(y) - 1) * reach + 1)
    return [dy.apply("Pad", before_.apply("Concat", after_, axis=0), 0.0)]


def _slice_steps(call: Call) -> dict[int, int]:
    """Return the step along each axis that is sliced."""
    axes, steps = call.constant(3), call.constant(4)
    if (call.has(3) and axes is None) or (call.has(4) and steps is None):
        raise call.refuse("its axes or steps are computed at run time; make them constants")
    if axes is None:
        length = static_dims(call.input(1))
        if length is None:
            raise call.refuse("the number of axes it slices is not known; state its axes")
        axes = np.arange(length[0])
    if steps is None:
        steps = np.ones(len(axes), np.int64)
    return {int(a) % call.x.rank: int(s) for a, s in zip(axes, steps, strict=True)}


def _first_index(call: Call, steps: Mapping[int, int]) -> Term:
    """Compute, for every axis, the lowest index that is taken."""
    rank = call.x.rank
    where = np.zeros(rank, np.int64)
    where[list(steps)] = np.arange(len(steps)) + 1  # the zero in front stands for the axes that are not sliced
    step = np.array([steps.get(axis, 1) for axis in range(rank)], np.int64)
    starts = call.input(1).apply("Cast", to=int(ir.DataType.INT64))
    start = starts.constant([0]).apply("Concat", starts, axis=0).apply("Gather", where)
    shape = shape_of(call.x)
    start = start.apply("Less", 0).apply("Where", start + shape, start)
    start = start.apply("Max", np.zeros(rank, np.int64)).apply("Min", shape - (step < 0).astype(np.int64))
    if step.min() > 0:
        return start
    return start + (shape_of(call.y) - 1) * np.minimum(step, 0)


# ----- Pad: remove the border, or add it to what it repeats -----


@vjp("Pad")
def _pad(call: Call) -> Sequence[Term | None]:
    rank, mode = call.x.rank, call.string("mode", "constant")
    given, axes = call.constant(1), call.constant(3)
    if call.has(3) and axes is None:
        raise call.refuse("its axes are computed at run time; make them a constant")
    if mode == "constant" and given is None:
        begin = _full_pads(call, axes)
        return [call.dy.apply("Slice", begin, begin + shape_of(call.x), np.arange(rank, dtype=np.int64))]
    if given is None:
        raise call.refuse(f"mode {mode!r} with pads that are computed at run time is not covered")

    on = [int(a) % rank for a in axes] if axes is not None else list(range(rank))
    before, after = given[: len(on)].tolist(), given[len(on) :].tolist()
    if mode != "constant":
        return [_fold(call, mode, on, before, after)]
    edges = [[0] * rank, [0] * rank]
    for axis, b, a in zip(on, before, after, strict=True):
        edges[0][axis], edges[1][axis] = max(-b, 0), max(-a, 0)  # a negative pad has cut elements off
    dx = pad(call.dy, *edges)
    moved = [(axis, max(b, 0)) for axis, b, a in zip(on, before, after, strict=True) if b > 0 or a > 0]
    return [crop(dx, [b for _, b in moved], call.x, [axis for axis, _ in moved]) if moved else dx]


def _full_pads(call: Call, axes: np.ndarray | None) -> Term:
    """Return the pads before each axis, known only at run time and taken to be positive."""
    pads = call.input(1)
    rank = call.x.rank
    on = np.arange(rank) if axes is None else axes % rank
    where = np.zeros(rank, np.int64)
    where[on] = np.arange(len(on)) + 1
    return pads.constant([0]).apply("Concat", pads, axis=0).apply("Gather", where)


def _fold(call: Call, mode: str, axes: list[int], before: list[int], after: list[int]) -> Term:
    """Add the border to the elements that it repeats."""
    dx = call.dy
    for axis, b, a in zip(axes, before, after, strict=True):
        if not b and not a:
            continue
        if min(a, b) < 0:
            raise call.refuse(f"mode {mode!r} with pads below zero is not covered; cut with a Slice")
        size = static_dims(call.x, [axis])
        if size is None:
            dx = select_back(dx, _repeated(mode, b, a, sizes(call.x, [axis])), axis, sizes(call.x, [axis]), call.x.rank)
        else:
            source = np.pad(np.arange(size[0]), (b, a), mode)  # type: ignore[call-overload]  # numpy's modes, same names
            dx = gather_back(dx, source, axis, size[0], call.x.rank)
    return dx


def _repeated(mode: str, before: int, after: int, size: Term) -> Term:
    """Return which element each place of a padded axis repeats, for pads that are smaller than the axis."""
    at = arange(size + (before + after)) - before
    last = size - 1
    if mode == "edge":
        return at.apply("Max", np.array([0])).apply("Min", last)
    if mode == "wrap":
        at = at.apply("Less", 0).apply("Where", at + size, at)
        return at.apply("Greater", last).apply("Where", at - size, at)
    return last - (last - at.apply("Abs")).apply("Abs")


# ----- Gather -----


@vjp("Gather")
def _gather(call: Call) -> Sequence[Term | None]:
    x, dy, indices = call.x, call.dy, call.input(1)
    axis = call.integer("axis", 0) % x.rank
    if indices.rank == 0:
        dy = dy.apply("Unsqueeze", [axis])
    elif indices.rank > 1:  # many axes of indices become one
        head = np.array([0] * axis + [-1], np.int64)
        target: Term | np.ndarray = head
        if axis < x.rank - 1:
            tail = shape_of(x).apply("Slice", [axis + 1], [x.rank])
            target = tail.constant(head).apply("Concat", tail, axis=0)
        dy = dy.apply("Reshape", target)
    chosen, size = call.constant(1), static_dims(x, [axis])
    if chosen is not None and size is not None:
        return [gather_back(dy, chosen.reshape(-1) % size[0], axis, size[0], x.rank)]
    return [select_back(dy, indices.apply("Reshape", [-1]), axis, sizes(x, [axis]), x.rank)]
