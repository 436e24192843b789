"""A 3 x 3 convolution as Winograd's products, in standard operators, from rows to rows of a tiled layout.

    gather      the k x k pixels that each tile reads, including padding: [k, k, tiles, C]
    transform   both of the k axes by B
    product     at each of the k k points one matrix product over all tiles: [tiles, C] x [C, M]
    transform   both axes by A: [m, m, tiles, M]

Chunks of tiles that are computed in parallel are the elements of a batch. Every operator divides a batch among its
threads in the same order, so a thread reads mostly numbers that it has written itself.

The graph transforms the kernels from the stored weights; `fold` computes that part before the graph is loaded.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from reverie_gradient import Builder

from reverie_ascent.lowering.cook_toom import TAPS, Transforms, transforms
from reverie_ascent.lowering.layout import Layout, Tiling, windows

FEW_TILES = 100
"""With fewer tiles the products of a chunk are separate nodes. ONNX Runtime packs the weights of a single product when
it loads the graph, but those of a batch of products at every run. With few tiles that matters: 7.0 instead of 8.8 ms
at 28 x 28 x 512."""


def convolve(
    w: Builder, source: ir.Value, layout: Layout, zero: int, tiling: Tiling, weight: ir.Value, bias: ir.Value | None
) -> ir.Value:
    """Append the convolution of rows with ``weight`` [M, C, 3, 3], padded by one; return rows of ``tiling.layout``.

    ``zero`` is the row of ``source`` that holds zeros. The spare rows of the result are zeros.
    """
    matrices = transforms(tiling.side)
    shape = weight.shape
    assert shape is not None
    outputs, inputs = (int(n) for n in shape.numpy()[:2])
    assert tiling.layout.blocks is not None
    tiles = tiling.layout.blocks.tiles
    kernels = _kernels(w, matrices, weight, inputs, outputs, apart=tiles < FEW_TILES and tiling.together == 1)
    parts = []
    for first in range(0, len(tiling.chunks), tiling.together):
        chunks = range(first, first + tiling.together)
        index = [windows(layout, zero, tiling, chunk, 1) for chunk in chunks]
        read = w.op("Gather", [source, w.constant(index, ir.DataType.INT32)], axis=0)
        real = [np.arange(tiles)[None, :, None] < len(tiling.chunks[chunk]) for chunk in chunks]
        shift = None if bias is None else w.op("Mul", [w.floats(real), w.reshape(bias, 1, outputs)])
        parts.append(_chunks(w, matrices, read, kernels, shift, (len(chunks), tiles, inputs, outputs)))
    return parts[0] if len(parts) == 1 else w.op("Concat", parts, axis=0)


def _kernels(
    w: Builder, matrices: Transforms, weight: ir.Value, inputs: int, outputs: int, *, apart: bool
) -> list[ir.Value]:
    """Return the transformed kernels: one value [k k, C, M] or, if ``apart``, k k values [C, M]."""
    points = len(matrices.kernel) ** 2
    both = np.kron(matrices.kernel, matrices.kernel)
    taps = w.reshape(w.op("Transpose", [weight], perm=[2, 3, 1, 0]), TAPS * TAPS, inputs * outputs)
    product = w.op("MatMul", [w.floats(both), taps])
    if not apart:
        return [w.reshape(product, points, inputs, outputs)]
    parts = w.ops("Split", [w.reshape(product, points * inputs, outputs)], points, axis=0, num_outputs=points)
    return list(parts)


def _chunks(
    w: Builder,
    matrices: Transforms,
    read: ir.Value,
    kernels: list[ir.Value],
    shift: ir.Value | None,
    sizes: tuple[int, int, int, int],
) -> ir.Value:
    chunks, tiles, inputs, outputs = sizes
    m, k = matrices.output.shape
    into, out_of = w.floats(matrices.input), w.floats(matrices.output)
    y = w.op("MatMul", [into, w.reshape(read, chunks, k, k * tiles * inputs)])
    y = w.op("MatMul", [into, w.reshape(y, chunks, k, k, tiles * inputs)])
    if len(kernels) == 1:
        y = w.op("MatMul", [w.reshape(y, chunks, k * k, tiles, inputs), kernels[0]])
    else:
        parts = w.ops("Split", [w.reshape(y, k * k * tiles, inputs)], k * k, axis=0, num_outputs=k * k)
        products = [w.op("MatMul", pair) for pair in zip(parts, kernels, strict=True)]
        if shift is not None:
            # The point (1, 1) has the factor 1 in every output of a tile, so a bias added there is in every output.
            products[k + 1] = w.op("Gemm", [parts[k + 1], kernels[k + 1], w.reshape(shift, tiles, outputs)])
            shift = None
        y = w.op("Concat", products, axis=0)
    y = w.op("MatMul", [out_of, w.reshape(y, chunks, k, k * tiles * outputs)])
    y = w.op("MatMul", [out_of, w.reshape(y, chunks, m, k, tiles * outputs)])
    if shift is not None:
        y = w.op("Add", [w.reshape(y, chunks, m * m, tiles, outputs), shift])
    return w.reshape(y, chunks * m * m * tiles, outputs)
