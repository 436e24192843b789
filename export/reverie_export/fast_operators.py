"""Operators that take most of the time of a convolutional network, in numpy: matrix products and shifted slices.

Each function takes the attributes of a node and its inputs, and returns its output, or None if onnx's implementation
must be used.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from reverie_export.sources.source import Array, Floats

Attributes = Mapping[str, Any]
# Columns of a convolution are gathered so many bytes at a time, a few times the size of caches, however large the
# picture.
BLOCK = 4 << 20


def _geometry(attributes: Attributes, kernel: Sequence[int]) -> tuple[list[int], list[int], list[int]] | None:
    """Return strides, pads and dilations in two dimensions."""
    if len(kernel) != 2 or attributes.get("auto_pad", "NOTSET") != "NOTSET":
        return None
    return (
        list(attributes.get("strides") or [1, 1]),
        list(attributes.get("pads") or [0, 0, 0, 0]),
        list(attributes.get("dilations") or [1, 1]),
    )


def _conv(attributes: Attributes, x: Array, w: Array, b: Array | None = None) -> Array | None:
    """Cross-correlate, as matrix products over gathered columns, a block of rows at a time."""
    found = _geometry(attributes, w.shape[2:])
    if found is None:
        return None
    (sh, sw), (top, left, bottom, right), (dh, dw) = found
    groups = attributes.get("group", 1)
    n, channels = x.shape[:2]
    m, per_group, kh, kw = w.shape
    if channels != per_group * groups:
        raise ValueError(f"{channels} channels do not fit weights {w.shape} in {groups} groups")
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    span_h, span_w = (kh - 1) * dh + 1, (kw - 1) * dw + 1
    oh, ow = (x.shape[2] - span_h) // sh + 1, (x.shape[3] - span_w) // sw + 1
    y = np.empty((n, m, oh, ow), x.dtype)
    if per_group == 1 and groups > 1:  # depthwise: a weighted sum of shifted pictures
        y[:] = 0
        for i, j in itertools.product(range(kh), range(kw)):
            piece = x[:, :, i * dh : i * dh + (oh - 1) * sh + 1 : sh, j * dw : j * dw + (ow - 1) * sw + 1 : sw]
            y += np.repeat(piece, m // groups, axis=1) * w[:, 0, i, j].reshape(1, -1, 1, 1)
    else:
        matrices = np.ascontiguousarray(w).reshape(groups, m // groups, -1)
        rows = min(oh, max(1, BLOCK // (x.itemsize * per_group * kh * kw * ow)))
        columns = np.empty((per_group, kh, kw, rows, ow), x.dtype)
        for image, g in itertools.product(range(n), range(groups)):
            source = x[image, g * per_group : (g + 1) * per_group]
            for r in range(0, oh, rows):
                e = min(oh, r + rows)
                block = columns[:, :, :, : e - r]
                for i, j in itertools.product(range(kh), range(kw)):
                    top, left = r * sh + i * dh, j * dw
                    block[:, i, j] = source[
                        :, top : top + (e - r - 1) * sh + 1 : sh, left : left + (ow - 1) * sw + 1 : sw
                    ]
                out = (matrices[g] @ block.reshape(per_group * kh * kw, -1)).reshape(m // groups, e - r, ow)
                y[image, g * (m // groups) : (g + 1) * (m // groups), r:e] = out
    return y if b is None else y + b.reshape(1, -1, 1, 1)


def _pool(attributes: Attributes, x: Array, fill: float, merge: Callable[[Array, Array], Array]) -> Array | None:
    """Merge the pixels of every window, in two dimensions; pixels beyond the picture are ``fill``."""
    kernel = attributes["kernel_shape"]
    found = _geometry(attributes, kernel)
    if found is None or attributes.get("storage_order"):
        return None
    strides, (top, left, bottom, right), (dh, dw) = found
    sizes = []  # of the result
    margins = [bottom, right]
    for axis, (before, size) in enumerate(zip((top, left), x.shape[2:], strict=True)):
        room = size + before + margins[axis] - (kernel[axis] - 1) * (dh, dw)[axis] - 1
        count = room // strides[axis] + 1
        if attributes.get("ceil_mode") and room % strides[axis] and count * strides[axis] < size + before:
            margins[axis] += strides[axis] - room % strides[axis]  # a window may not begin beyond the picture
            count += 1
        sizes.append(count)
    (sh, sw), (oh, ow) = strides, sizes
    x = np.pad(x, ((0, 0), (0, 0), (top, margins[0]), (left, margins[1])), constant_values=fill)
    y: Array | None = None
    for i, j in itertools.product(range(kernel[0]), range(kernel[1])):
        piece = x[:, :, i * dh : i * dh + (oh - 1) * sh + 1 : sh, j * dw : j * dw + (ow - 1) * sw + 1 : sw]
        y = piece.copy() if y is None else merge(y, piece)
    return y


def _max_pool(attributes: Attributes, x: Array) -> Array | None:
    return _pool(attributes, x, -np.inf, np.maximum)


def _average_pool(attributes: Attributes, x: Array) -> Array | None:
    """Divide by the number of pixels of each window, with or without those that padding adds."""
    if attributes.get("ceil_mode") and attributes.get("count_include_pad"):
        return None
    total = _pool(attributes, x, 0, np.add)
    if total is None:
        return None
    if attributes.get("count_include_pad"):
        return np.asarray(total / x.dtype.type(math.prod(attributes["kernel_shape"])))
    count = _pool(attributes, np.ones((1, 1, *x.shape[2:]), x.dtype), 0, np.add)
    return np.asarray(total / count)


def _resize(
    attributes: Attributes, x: Array, roi: Array | None = None, scales: Array | None = None, sizes: Array | None = None
) -> Array | None:
    """Enlarge by integer factors to the nearest pixel: every pixel becomes a block."""
    settings = [attributes.get("mode", "nearest"), attributes.get("coordinate_transformation_mode", "half_pixel")]
    if scales is None or sizes is not None or x.ndim != 4 or len(scales) != 4 or settings != ["nearest", "asymmetric"]:
        return None
    if any(s != int(s) or s < 1 for s in scales) or attributes.get("nearest_mode") != "floor":
        return None
    for axis, scale in enumerate(scales):
        x = np.repeat(x, int(scale), axis=axis) if scale != 1 else x
    return x


def _conv_transpose(attributes: Attributes, x: Array, w: Array, b: Array | None = None) -> Array | None:
    """Apply the adjoint of a convolution: dilate by ``strides``, then correlate with the flipped kernel."""
    auto = attributes.get("auto_pad", "NOTSET")
    found = _geometry({**attributes, "auto_pad": "NOTSET"}, w.shape[2:])
    if found is None or auto == "VALID":
        return None
    (sh, sw), (top, left, bottom, right), (dh, dw) = found
    extra = attributes.get("output_padding") or [0, 0]
    if (wanted := attributes.get("output_shape")) or auto != "NOTSET":
        pads = []
        for size, step, kernel, gap, more, want in zip(
            x.shape[2:], (sh, sw), w.shape[2:], (dh, dw), extra, wanted or (None, None), strict=True
        ):
            full = step * (size - 1) + gap * (kernel - 1) + 1 + more
            total = full - (size * step if want is None else want)
            before = total // 2 if auto == "SAME_UPPER" else total - total // 2
            pads.append((before, total - before))
        (top, bottom), (left, right) = pads
    groups = attributes.get("group", 1)
    n, channels, h, width = x.shape
    spread: Floats = np.zeros((n, channels, (h - 1) * sh + 1, (width - 1) * sw + 1), x.dtype)
    spread[:, :, ::sh, ::sw] = x
    span_h, span_w = (w.shape[2] - 1) * dh, (w.shape[3] - 1) * dw
    margins = [span_h - top, span_w - left, span_h - bottom + extra[0], span_w - right + extra[1]]
    if min(margins) < 0:
        return None
    turned = w[:, :, ::-1, ::-1].reshape(groups, channels // groups, *w.shape[1:]).swapaxes(1, 2)
    flipped = turned.reshape(-1, channels // groups, *w.shape[2:])
    return _conv({"pads": margins, "dilations": [dh, dw], "group": groups}, spread, flipped, b)


def _gemm(attributes: Attributes, a: Array, b: Array, c: Array | None = None) -> Array:
    """Multiply matrices; the right one, which may be huge and less precise, is cast a block of columns at a time."""
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    y = np.empty((a.shape[0], b.shape[1]), a.dtype)
    columns = max(1, 16 * BLOCK // (a.itemsize * b.shape[0]))
    for start in range(0, b.shape[1], columns):
        part = slice(start, start + columns)
        y[:, part] = a @ b[:, part].astype(a.dtype, copy=False)
    y *= a.dtype.type(attributes.get("alpha", 1.0))
    return y if c is None else y + c.astype(a.dtype, copy=False) * a.dtype.type(attributes.get("beta", 1.0))


def _hard_sigmoid(attributes: Attributes, x: Array) -> Array:
    y: Array = x * x.dtype.type(attributes.get("alpha", 0.2))
    y += x.dtype.type(attributes.get("beta", 0.5))
    np.clip(y, 0, 1, out=y)
    return y


def _cast(attributes: Attributes, x: Array) -> Array | None:
    """Ignore casts from floats to floats, so that finite differences can be taken in float64."""
    wanted = onnx.helper.tensor_dtype_to_np_dtype(attributes["to"])
    return x if np.issubdtype(x.dtype, np.floating) and np.issubdtype(wanted, np.floating) else None


def _cast_like(attributes: Attributes, x: Array, like: Array) -> Array | None:
    return x if np.issubdtype(x.dtype, np.floating) and np.issubdtype(like.dtype, np.floating) else None


FAST: dict[str, Callable[..., Array | None]] = {
    "AveragePool": _average_pool,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "HardSigmoid": _hard_sigmoid,
    "MaxPool": _max_pool,
    "Resize": _resize,
}
