"""Rules for pooling over regions of an image, as detectors do; their coordinates are known only at run time.

A region is divided into bins, and a bin is read at samples in rows and columns. Reading is separable: sample (a, b) of
region r is the sum over h and w of Wy[r, a, h] Wx[r, b, w] x[n, c, h, w], n being its image. The weights are computed
in the graph from the regions. With the rows of all regions in one matrix, reading and its adjoint are matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from reverie_gradient.gathering import arange
from reverie_gradient.interpolation import linear, places, to_edge
from reverie_gradient.shapes import elements, reshape_to, sizes
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term

LAST = [-1]


@dataclass(frozen=True)
class Lines:
    """The rows of samples of each region, or the columns.

    ``weights`` [R, lines, size] are those of each element of the axis, and ``slopes`` their derivatives by the start
    and the end of the region. A bin has as many lines as that of any region needs; ``exists`` [R or 1, bins or 1, lines
    of a bin] says which of them count.
    """

    bins: int
    weights: Term
    exists: Term
    slopes: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Samples:
    """The places where regions are read along one axis: [R, bins, samples of a bin], of which only some exist.

    ``share`` is the derivative of each place by the end of its region; that by the start is the rest. ``number`` counts
    the samples of a bin, at least 1: [R or 1, 1, 1].
    """

    at: Term
    share: Term
    exists: Term
    number: Term


@vjp("RoiAlign")
def _align(call: Call) -> Sequence[Term | None]:
    image = _image_of_region(call, call.input(2))
    down, across = (_aligned(call, axis) for axis in (2, 3))
    dy = call.dy if call.string("mode", "avg") == "avg" else _to_maxima(call, image, down, across)
    dx = _spread(call, image, dy, down.weights, across.weights)
    sides = []
    for y_slope, x_slope in zip(down.slopes, across.slopes, strict=True):  # of the starts, then of the ends
        sides += [
            _read(call, image, down.weights, x_slope) * dy,
            _read(call, image, y_slope, across.weights) * dy,
        ]
    sums = [side.apply("ReduceSum", [1, 2, 3], keepdims=0) for side in sides]
    first, *others = [total.apply("Unsqueeze", [1]) for total in sums]
    return [dx, first.apply("Concat", *others, axis=1)]


@vjp("MaxRoiPool")
def _max_pool(call: Call) -> Sequence[Term | None]:
    """Pass the gradient of each bin to its largest elements; bins end at whole pixels and may be empty."""
    index = call.input(1).apply("Gather", np.array(0), axis=1)
    image = _image_of_region(call, index.apply("Cast", to=int(ir.DataType.INT64)))
    down, across = (_whole(call, axis) for axis in (2, 3))
    dy = _to_maxima(call, image, down, across)
    return [_spread(call, image, dy, down.weights, across.weights)]


# ----- the places and weights of a region -----


def _aligned(call: Call, axis: int) -> Lines:
    """Weigh the elements of ``axis`` for RoiAlign; places up to a pixel outside count as the edge, others as zeros."""
    samples, count = _samples(call, axis), sizes(call.x, [axis])
    at, dtype, real = samples.at, int(samples.at.dtype), int(call.dy.dtype)
    n, element = count.apply("Cast", to=dtype), places(0, count, samples.at.dtype)
    outside = at.apply("Less", -1.0).apply("Or", at.apply("Greater", n))
    reads = samples.exists.apply("And", outside.apply("Not"))
    moves = reads.apply("And", at.apply("Greater", 0.0)).apply("And", at.apply("Less", n - 1))
    at, reads, moves = to_edge(at, n - 1), reads.apply("Cast", to=dtype), moves.apply("Cast", to=dtype)
    moves = moves * call.number("spatial_scale", 1.0)
    turns = (moves * (1 - samples.share), moves * samples.share)
    bins = call.integer(_bins(axis), 1)

    if call.string("mode", "avg") == "avg":

        def mean(t: Term, factor: Term) -> Term:
            total = (t * factor.apply("Unsqueeze", LAST)).apply("ReduceSum", [2], keepdims=0)
            return (total / samples.number).apply("Cast", to=real)

        kernel = linear()
        assert kernel.slope is not None
        distance = element - at.apply("Unsqueeze", LAST)
        weights, slope = kernel.weight(distance), kernel.slope(distance)
        return Lines(bins, mean(weights, reads), samples.exists, tuple(mean(slope, turn) for turn in turns))

    # ONNX takes the largest product of a pixel and its weight, not the largest sum of the four around a place.
    def each(low: Term, high: Term, factor: Term) -> Term:
        factor = factor.apply("Unsqueeze", LAST)
        return _merged((low * factor).apply("Concat", high * factor, axis=2)).apply("Cast", to=real)

    below = at.apply("Floor")
    rest = (at - below).apply("Unsqueeze", LAST)
    low, high = (
        element.apply("Equal", edge.apply("Unsqueeze", LAST)).apply("Cast", to=dtype) for edge in (below, below + 1)
    )
    exists = samples.exists.apply("Concat", samples.exists, axis=2)
    slopes = tuple(each(-low, high, turn) for turn in turns)
    return Lines(bins, each(low * (1 - rest), high * rest, reads), exists, slopes)


def _samples(call: Call, axis: int) -> Samples:
    """Place the samples of RoiAlign; without a sampling ratio there is about one for each pixel of a bin."""
    bins, ratio = call.integer(_bins(axis), 1), call.integer("sampling_ratio", 0)
    start, end = _sides(call, 3 - axis)
    length = end - start
    moves: Term | float = 1.0
    # Older operator sets have no half pixels, and widen regions that are narrower than a pixel.
    if call.opset >= 16 and call.string("coordinate_transformation_mode", "half_pixel") == "half_pixel":
        start = start - 0.5
    else:
        moves = length.apply("Less", 1.0).apply("Not").apply("Cast", to=int(length.dtype))
        length = length.apply("Max", 1.0)
    if ratio > 0:
        number = start.constant(np.full((1, 1, 1), ratio))
        most = start.constant([ratio], ir.DataType.INT64)
    else:
        number = -(-length / float(bins)).apply("Floor")
        most = _most(number)
    index = places(0, most, start.dtype)
    exists = index.apply("Less", number)
    number = number.apply("Max", 1.0)
    share = ((index + 0.5) / number + start.constant(np.arange(bins)[:, None])) / float(bins)
    return Samples(start + share * length, share * moves, exists, number)


def _whole(call: Call, axis: int) -> Lines:
    """Take the elements of ``axis`` one by one for MaxRoiPool, which rounds halves away from zero."""
    shape = call.integers("pooled_shape")
    assert shape is not None
    bins, count = shape[axis - 2], sizes(call.x, [axis])
    start, end = ((s.apply("Abs") + 0.5).apply("Floor") * s.apply("Sign") for s in _sides(call, 4 - axis))
    wide = (end - start + 1).apply("Max", 1.0) / float(bins)
    n, number = count.apply("Cast", to=int(start.dtype)), start.constant(np.arange(bins)[:, None])
    first = to_edge((number * wide).apply("Floor") + start, n)
    last = to_edge(start - (-((number + 1) * wide)).apply("Floor"), n)
    at = first + places(0, _most(last - first), start.dtype)
    exists = at.apply("Less", last)
    taken = places(0, count, start.dtype).apply("Equal", at.apply("Unsqueeze", LAST))
    taken = taken.apply("And", exists.apply("Unsqueeze", LAST))
    return Lines(bins, _merged(taken.apply("Cast", to=int(call.dy.dtype))), exists)


def _bins(axis: int) -> str:
    return "output_height" if axis == 2 else "output_width"


def _sides(call: Call, column: int) -> tuple[Term, Term]:
    """Return the start and the end of each region in pixels of x, [R, 1, 1]; the start stands in ``column``."""
    regions, scale = call.input(1), call.number("spatial_scale", 1.0)
    dtype = ir.DataType.DOUBLE if regions.dtype == ir.DataType.DOUBLE else ir.DataType.FLOAT

    def side(index: int) -> Term:
        taken = regions.apply("Gather", [index], axis=1).apply("Unsqueeze", LAST)
        return taken.apply("Cast", to=int(dtype)) * scale

    return side(column), side(column + 2)


def _most(number: Term) -> Term:
    """Return the largest of real numbers as a vector of one integer, 1 if there are none."""
    row = number.apply("Reshape", LAST).apply("Concat", number.constant([1.0]), axis=0)
    return row.apply("ReduceMax", keepdims=1).apply("Cast", to=int(ir.DataType.INT64))


# ----- reading, and its adjoint -----


def _image_of_region(call: Call, index: Term) -> Term:
    """Return 1 for the image of each region, and 0 for all others: [R, N]."""
    image = index.apply("Cast", to=int(ir.DataType.INT64)).apply("Unsqueeze", [1])
    return image.apply("Equal", arange(sizes(call.x, [0]))).apply("Cast", to=int(call.dy.dtype))


def _rows(call: Call, image: Term, down: Term) -> Term:
    """Return the weight of each line of the images in each line of the regions: [R * lines, N * H].

    Regions are the first axis of every shape: if there are none, Reshape reads the 0 as the size of the input's axis.
    """
    own = image.apply("Unsqueeze", [1, 3]) * down.apply("Unsqueeze", [2])
    return reshape_to(own, [_size(down, 0) * _size(down, 1), elements(call.x, [0, 2])])


def _read(call: Call, image: Term, down: Term, across: Term) -> Term:
    """Read x with the given weights: [R, C, lines, columns]."""
    x = call.x
    lines = reshape_to(x.apply("Transpose", perm=[0, 2, 1, 3]), [elements(x, [0, 2]), elements(x, [1, 3])])
    read = _rows(call, image, down) @ lines
    read = reshape_to(read, [_size(down, 0), _size(down, 1), sizes(x, [1, 3])])
    columns = across.apply("Transpose", perm=[0, 2, 1]).apply("Unsqueeze", [1])
    return read.apply("Transpose", perm=[0, 2, 1, 3]) @ columns


def _spread(call: Call, image: Term, dy: Term, down: Term, across: Term) -> Term:
    """Return the gradient of the elements from that of the samples, [R, C, lines, columns]."""
    x = call.x
    wide = (dy @ across.apply("Unsqueeze", [1])).apply("Transpose", perm=[0, 2, 1, 3])
    wide = reshape_to(wide, [_size(down, 0) * _size(down, 1), elements(x, [1, 3])])
    dx = _rows(call, image, down).apply("Transpose", perm=[1, 0]) @ wide
    return dx.apply("Reshape", sizes(x, [0, 2, 1, 3])).apply("Transpose", perm=[0, 2, 1, 3])


def _to_maxima(call: Call, image: Term, down: Lines, across: Lines) -> Term:
    """Share the gradient of each bin evenly among its samples that reach the maximum: [R, C, lines, columns].

    The samples are read again: a kernel may add in another order, and its maxima would not equal them.
    """
    values = _read(call, image, down.weights, across.weights)
    binned = reshape_to(values, [0, 0, down.bins, _size(down.exists, 2), across.bins, _size(across.exists, 2)])
    exists = down.exists.apply("Unsqueeze", [1, 4, 5])
    exists = exists.apply("And", across.exists.apply("Unsqueeze", [1, 2, 3]))
    binned = exists.apply("Where", binned, -np.inf)
    within = [3, 5]
    given, attributes = ((within,), {}) if call.opset >= 18 else ((), {"axes": [3, 5]})
    reached = binned.apply("Equal", binned.apply("ReduceMax", *given, keepdims=1, **attributes)).apply("And", exists)
    ties = reached.apply("Cast", to=int(values.dtype)).apply("ReduceSum", within, keepdims=1)
    share = call.dy.apply("Unsqueeze", within) / ties.apply("Max", 1.0)
    return reached.apply("Where", share, 0.0).apply("Reshape", values.apply("Shape"))


def _merged(lines: Term) -> Term:
    """Number the lines of all bins together: [R, bins, lines of a bin, size] to [R, lines, size]."""
    return reshape_to(lines, [_size(lines, 0), _size(lines, 1) * _size(lines, 2), _size(lines, 3)])


def _size(t: Term, axis: int) -> Term:
    return t.apply("Shape").apply("Gather", [axis])
