"""The rule for DeformConv, a convolution whose kernel reads at positions that are another input.

With col[c, k, o] = mask[k, o] x[c, place[k, o]], what each element k of the kernel reads for each output o, it is a
product of matrices, y = W col. The gradients of the weights, the mask and the positions are computed from the four
pixels around each place, which are picked by index. That of the image is not scattered: for each element of the kernel,
the gradient of col is multiplied by the weights of all pixels in all its places. That takes as many multiplications for
a channel and a place as the image has pixels, which suits the small layers that use such convolutions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import onnx_ir as ir

from reverie_gradient.gathering import arange
from reverie_gradient.interpolation import linear, places
from reverie_gradient.shapes import elements, reshape_like, reshape_to, sizes, static_dims
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term
from reverie_gradient.windows import windows

LAST = [-1]


@dataclass(frozen=True)
class Reads:
    """The places that are read. Channels with the same places are an image; there are N ``parts`` images of ``depth``.

    ``at`` holds the row and the column of each place, ``mask`` its factor or None: [images, taps * outputs]. The
    ``kernel`` is that of the convolution, [M, C / group, rows, columns].
    """

    call: Call
    kernel: tuple[int, ...]
    at: tuple[Term, ...]
    mask: Term | None

    @property
    def group(self) -> int:
        """How many groups the channels are convolved in."""
        return self.call.integer("group", 1)

    @property
    def depth(self) -> int:
        """Channels of an image."""
        return self.kernel[1] * self.group // self.call.integer("offset_group", 1)

    @property
    def taps(self) -> int:
        """Elements of the kernel."""
        return self.kernel[2] * self.kernel[3]

    @property
    def images(self) -> Term:
        """How many images there are, as a vector of one number."""
        return sizes(self.call.x, [0]) * self.call.integer("offset_group", 1)


@dataclass(frozen=True)
class Neighbour:
    """The element of an axis before each place, or the one after: its index, its weight, and the slope of that."""

    index: Term
    weight: Term
    slope: Term


@vjp("DeformConv")
def _deform_conv(call: Call) -> Sequence[Term | None]:
    reads = _reads(call)
    dcol = _column_gradient(reads)
    back = dcol.apply("Transpose", perm=[0, 2, 1])
    column: list[Term] = []
    by_mask: list[Term] = []
    moved: tuple[list[Term], list[Term]] = ([], [])
    for pixels, y, x in _corners(reads):
        weight = y.weight * x.weight
        column.append(pixels * weight.apply("Unsqueeze", LAST))
        gradient = (back * pixels).apply("ReduceSum", LAST, keepdims=0)
        by_mask.append(gradient * weight)
        moved[0].append(gradient * y.slope * x.weight)
        moved[1].append(gradient * y.weight * x.slope)

    col, by_place = _sum(column), [_sum(m) for m in moved]
    if reads.mask is not None:
        dcol = dcol * reads.mask.apply("Unsqueeze", [1])
        col = col * reads.mask.apply("Unsqueeze", LAST)
        by_place = [g * reads.mask for g in by_place]
    down, across = (g.apply("Reshape", [0, reads.taps, 1, -1]) for g in by_place)
    return [
        _to_picture(reads, dcol),
        _weights_gradient(reads, col),
        reshape_like(down.apply("Concat", across, axis=2), call.input(2)),
        call.dy.apply("ReduceSum", [0, 2, 3], keepdims=0),
        reshape_like(_sum(by_mask), call.input(4)) if call.has(4) else None,
    ]


def _sum(terms: Sequence[Term]) -> Term:
    total, *others = terms
    for term in others:
        total = total + term
    return total


# ----- reading -----


def _reads(call: Call) -> Reads:
    kernel = static_dims(call.input(1))
    if kernel is None or len(kernel) != 4:
        raise call.refuse("it is covered for pictures of two dimensions, with weights of a known shape; declare it")
    reads = Reads(call, kernel, (), None)
    offset = reshape_to(call.input(2), [reads.images, *kernel[2:], 2, sizes(call.y, [2, 3])])
    at = tuple(reshape_to(_places(reads, offset, k), [reads.images, -1]) for k in range(2))
    return Reads(call, kernel, at, reshape_to(call.input(4), [reads.images, -1]) if call.has(4) else None)


def _places(reads: Reads, offset: Term, k: int) -> Term:
    """Return the places along spatial axis ``k``: where an ordinary convolution reads, and the offset from there."""
    dtype = ir.DataType.DOUBLE if offset.dtype == ir.DataType.DOUBLE else ir.DataType.FLOAT
    win = windows(reads.call, reads.kernel[2:])
    window = places(0, sizes(reads.call.y, [2 + k]), dtype) * float(win.strides[k])
    if k == 0:
        window = window.apply("Unsqueeze", LAST)
    tap = np.arange(win.kernel[k]) * win.dilations[k] - win.before[k]
    usual = window + window.constant(tap.reshape(-1, *[1] * (3 - k)))
    return offset.apply("Gather", np.array(k), axis=3).apply("Cast", to=int(dtype)) + usual


def _neighbours(reads: Reads, k: int) -> list[Neighbour]:
    """Return the elements on both sides of each place; beyond the ends of the axis their weight is zero."""
    at, real = reads.at[k], int(reads.call.dy.dtype)
    n, below = sizes(reads.call.x, [2 + k]).apply("Cast", to=int(at.dtype)), at.apply("Floor")
    found = []
    for index, weight, slope in ((below, 1 - (at - below), -1.0), (below + 1, at - below, 1.0)):
        inside = index.apply("Greater", -1.0).apply("And", index.apply("Less", n))
        number = inside.apply("Where", index, 0.0).apply("Cast", to=int(ir.DataType.INT64))
        inside = inside.apply("Cast", to=int(at.dtype))
        shares = [(t * inside).apply("Cast", to=real) for t in (weight, inside * slope)]
        found.append(Neighbour(number, *shares))
    return found


def _corners(reads: Reads) -> Iterator[tuple[Term, Neighbour, Neighbour]]:
    """Yield the four pixels around each place, [images, samples, channels], with what they are along each axis."""
    x = reads.call.x
    area = elements(x, [2, 3])
    pixels = reshape_to(x, [-1, reads.depth, area]).apply("Transpose", perm=[0, 2, 1])
    pixels = pixels.apply("Reshape", [-1, reads.depth])
    first = (arange(reads.images) * area).apply("Unsqueeze", LAST)
    for y, z in product(_neighbours(reads, 0), _neighbours(reads, 1)):
        yield pixels.apply("Gather", y.index * sizes(x, [3]) + z.index + first, axis=0), y, z


# ----- products -----


def _column_gradient(reads: Reads) -> Term:
    """Return W' dy, the gradient of what is read before the mask: [images, channels, samples]."""
    (m, c, *_), group = reads.kernel, reads.group
    dy = reads.call.dy.apply("Reshape", [0, group, m // group, -1])
    w = reads.call.input(1).apply("Reshape", [group, m // group, c * reads.taps])
    return reshape_to(w.apply("Transpose", perm=[0, 2, 1]) @ dy, [reads.images, reads.depth, -1])


def _weights_gradient(reads: Reads, column: Term) -> Term:
    """Return dy col', summed over the batch; ``column`` is [images, samples, channels]."""
    (m, c, *_), group = reads.kernel, reads.group
    dy = reads.call.dy.apply("Reshape", [0, group, m // group, -1])
    outputs = elements(reads.call.y, [2, 3])
    rows = reshape_to(column.apply("Transpose", perm=[0, 2, 1]), [-1, group, c * reads.taps, outputs])
    dw = (dy @ rows.apply("Transpose", perm=[0, 1, 3, 2])).apply("ReduceSum", [0], keepdims=0)
    return dw.apply("Reshape", [*reads.kernel])


def _to_picture(reads: Reads, dcol: Term) -> Term:
    """Return the gradient of the pixels from that of what is read from them, [images, channels, samples]."""
    x, by_tap = reads.call.x, [0, reads.taps, -1]
    dcol = dcol.apply("Reshape", [0, 0, reads.taps, -1])
    at = [place.apply("Reshape", by_tap) for place in reads.at]
    element = [places(0, sizes(x, [2 + k]), at[k].dtype) for k in range(2)]
    shares = []
    for tap in range(reads.taps):
        down, across = (
            linear().weight(e - place.apply("Gather", np.array(tap), axis=1).apply("Unsqueeze", LAST))
            for e, place in zip(element, at, strict=True)
        )
        share = down.apply("Unsqueeze", LAST) * across.apply("Unsqueeze", [2])
        share = share.apply("Reshape", [0, 0, -1]).apply("Cast", to=int(dcol.dtype))
        shares.append(dcol.apply("Gather", np.array(tap), axis=2) @ share)
    return reshape_like(_sum(shares), x)
