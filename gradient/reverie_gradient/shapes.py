"""Reshaping, cropping and padding in graphs whose sizes may only be known at run time.

Where sizes are known these helpers use constants, elsewhere ``Shape`` and integer arithmetic, which ONNX Runtime folds
once the free dimensions of a session are fixed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from reverie_gradient.term import INT64, Term


def static_dims(x: Term, axes: Sequence[int] | None = None) -> tuple[int, ...] | None:
    """Return the sizes of ``axes`` (of all axes by default) if every one of them is known."""
    dims = x.dims if axes is None else [x.dims[a] for a in axes]
    known = tuple(d for d in dims if isinstance(d, int))
    return known if len(known) == len(dims) else None


def shape_of(x: Term) -> Term:
    """Return the shape of ``x`` as a vector of int64."""
    dims = static_dims(x)
    return x.apply("Shape") if dims is None else x.constant(dims, INT64)


def sizes(x: Term, axes: Sequence[int]) -> Term:
    """Return the sizes of some axes of ``x`` as a vector of int64."""
    dims = static_dims(x, axes)
    if dims is None:
        return x.apply("Shape").apply("Gather", [*axes])
    return x.constant(dims, INT64)


def count(x: Term, axes: Sequence[int], dtype: ir.DataType) -> Term | float:
    """Return how many elements ``x`` has along ``axes`` taken together."""
    dims = static_dims(x, axes)
    if dims is None:
        return sizes(x, axes).apply("ReduceProd", keepdims=0).apply("Cast", to=int(dtype))
    return float(np.prod(dims, dtype=np.float64))


def elements(x: Term, axes: Sequence[int]) -> Term:
    """Return how many elements ``x`` has along ``axes`` taken together, as a vector of one int64."""
    dims = static_dims(x, axes)
    if dims is None:
        return sizes(x, axes).apply("ReduceProd", keepdims=1)
    return x.constant([np.prod(dims, dtype=np.int64)], INT64)


def reshape_to(g: Term, parts: Sequence[int | Term]) -> Term:
    """Give ``g`` the sizes of ``parts``: numbers as Reshape reads them, or vectors of int64."""
    if all(isinstance(part, int) for part in parts):
        return g.apply("Reshape", np.array(parts, np.int64))
    first, *others = (part if isinstance(part, Term) else g.constant([part], INT64) for part in parts)
    return g.apply("Reshape", first.apply("Concat", *others, axis=0))


def reshape_like(g: Term, x: Term) -> Term:
    """Give ``g`` the shape of ``x``, which has as many elements."""
    dims = [d if isinstance(d, int) else -1 for d in x.dims]
    if dims.count(-1) <= 1 and 0 not in dims:
        return g.apply("Reshape", [*dims])
    return g.apply("Reshape", shape_of(x))


def expand_like(g: Term, x: Term) -> Term:
    """Broadcast ``g`` to the shape of ``x``."""
    return g.apply("Expand", shape_of(x))


def sum_to(g: Term, wide: Sequence[int | str | None], narrow: Term) -> Term:
    """Undo broadcasting: sum ``g``, whose sizes are ``wide``, back down to the shape of ``narrow``."""
    extra = len(wide) - narrow.rank
    pairs = list(zip(wide[extra:], narrow.dims, strict=True))
    stretched = [i + extra for i, (w, n) in enumerate(pairs) if n == 1 and w != 1]
    if stretched:
        g = g.apply("ReduceSum", [*stretched], keepdims=1)
    if extra:
        g = g.apply("ReduceSum", np.arange(extra, dtype=np.int64), keepdims=0)
    if any(not isinstance(n, int) and w != 1 and (n is None or n != w) for w, n in pairs):
        # Whether a free dimension was broadcast is known only at run time: sum the axes whose sizes differ.
        differs = g.apply("Shape").apply("Equal", narrow.apply("Shape")).apply("Not").apply("NonZero")
        axes = differs.apply("Reshape", [-1])
        g = g.apply("ReduceSum", axes, keepdims=1, noop_with_empty_axes=1)
    return g


def crop(g: Term, begin: Sequence[int], like: Term, axes: Sequence[int]) -> Term:
    """Cut from ``g`` the window that starts at ``begin`` and has the sizes of ``like`` along ``axes``."""
    start = np.array(begin, np.int64)
    dims = static_dims(like, axes)
    end: Term | np.ndarray = start + np.array(dims) if dims is not None else sizes(like, axes) + start
    return g.apply("Slice", start, end, [*axes])


def crop_ends(g: Term, begin: Sequence[int], end: Sequence[int], axes: Sequence[int]) -> Term:
    """Cut ``begin`` elements off the start of each axis and ``end`` off its end."""
    stop = np.array([-e if e else np.iinfo(np.int64).max for e in end], np.int64)
    return g.apply("Slice", [*begin], stop, [*axes])


def pad(g: Term, begin: Sequence[int], end: Sequence[int]) -> Term:
    """Surround ``g`` with zeros; the amounts are given for every axis and are not negative."""
    if not any(begin) and not any(end):
        return g
    return g.apply("Pad", [*begin, *end], 0.0)


def place(g: Term, begin: Sequence[int], slack: Sequence[int], like: Term, axes: Sequence[int]) -> Term:
    """Embed ``g`` in zeros of the sizes of ``like``, its first element at ``begin``; what exceeds them is cut off.

    ``begin`` may be negative. ``slack`` is an upper bound of how far ``g`` ends before the end of ``like``: so much is
    padded and the excess cut, so that no amount of padding depends on sizes that may be free.
    """
    zeros = [0] * like.rank
    before, after = list(zeros), list(zeros)
    for axis, b, s in zip(axes, begin, slack, strict=True):
        before[axis], after[axis] = max(b, 0), max(s, 0)
    return crop(pad(g, before, after), [max(-b, 0) for b in begin], like, axes)


def spread(g: Term, step: int, filled: int, axis: int, rank: int) -> Term:
    """Turn each element along ``axis`` into ``step`` of them: itself ``filled`` times, then zeros."""
    lone = np.ones(rank + 1, np.int64)
    lone[axis + 1] = filled
    g = g.apply("Unsqueeze", [axis + 1])
    if filled > 1:
        g = g.apply("Expand", lone)
    if filled < step:
        after = [0] * (rank + 1)
        after[axis + 1] = step - filled
        g = pad(g, [0] * (rank + 1), after)
    # Reshape reads 0 as "the size of that axis", here of those before; the pair is merged by -1.
    head = np.array([0] * axis + [-1], np.int64)
    if axis == rank - 1:
        return g.apply("Reshape", head)
    tail = g.apply("Shape").apply("Slice", [axis + 2], [rank + 1])
    return g.apply("Reshape", tail.constant(head).apply("Concat", tail, axis=0))


def dilate(g: Term, steps: Sequence[int], axes: Sequence[int], rank: int) -> Term:
    """Put ``step - 1`` zeros between neighbours along each axis: n elements become (n - 1) * step + 1."""
    for axis, step in zip(axes, steps, strict=True):
        if step > 1:
            g = spread(g, step, 1, axis, rank)
            g = g.apply("Slice", [0], [1 - step], [axis])
    return g
