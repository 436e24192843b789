"""Constant folding: computes the nodes that depend only on weights, above all the transforms of kernels.

ONNX Runtime would do the same, but in five times the time and with twice the memory: most of numpy's results are views.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from reverie_gradient import Builder

from reverie_ascent.lowering.rewrite import Rewrite

Array = npt.NDArray[np.generic]


class FoldConstants(Rewrite):
    """Replace the nodes of `FOLDS` that read only constants by their results."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Compute each result that a node outside the folded ones reads."""
        folded = _foldable(model.graph)
        for node in [node for node in model.graph if node in folded]:
            users = [[use for use in value.uses() if use.node not in folded] for value in node.outputs]
            if not any(users):
                continue  # only other folded nodes read it, and their evaluation includes it
            for value, result, uses in zip(node.outputs, _evaluate(node), users, strict=True):
                if uses:
                    constant = Builder(model.graph).constant(result, name=f"{value.name}/folded")
                    for user, index in uses:
                        user.replace_input_with(index, constant)
        RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, bool(folded))


def _foldable(graph: ir.Graph) -> set[ir.Node]:
    foldable: set[ir.Node] = set()
    for node in graph:
        if node.op_type in FOLDS and not node.domain and all(_is_known(v, foldable) for v in node.inputs):
            foldable.add(node)
    return foldable


def _is_known(value: ir.Value | None, folded: Collection[ir.Node]) -> bool:
    if value is None or value.is_graph_input():
        return False
    return value.is_initializer() or value.producer() in folded


def _evaluate(node: ir.Node) -> Sequence[Array]:
    return FOLDS[node.op_type](node, [_known(value) for value in node.inputs if value is not None])


def _known(value: ir.Value) -> Array:
    node = value.producer()
    if node is not None:
        return _evaluate(node)[value.index() or 0]
    assert value.const_value is not None
    return np.asarray(value.const_value.numpy())


# ----- the operators that lowering applies to weights -----


def _transpose(node: ir.Node, inputs: Sequence[Array]) -> Sequence[Array]:
    perm = node.attributes.get_ints("perm", ())
    return [inputs[0].transpose(perm or None)]


def _slice(node: ir.Node, inputs: Sequence[Array]) -> Sequence[Array]:
    x, starts, ends, *rest = inputs
    axes = rest[0] if rest else np.arange(len(starts))
    steps = rest[1] if len(rest) > 1 else np.ones(len(starts), np.int64)
    index = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # With a negative step an end before the first element means "down to the first", in ONNX as in numpy.
        index[int(axis)] = slice(int(start), int(end), int(step))
    return [x[tuple(index)]]


def _split(node: ir.Node, inputs: Sequence[Array]) -> Sequence[Array]:
    axis, parts = node.attributes.get_int("axis", 0), len(node.outputs)
    size = -(-inputs[0].shape[axis] // parts)
    sizes = inputs[1] if len(inputs) > 1 else [size] * parts
    return np.split(inputs[0], np.cumsum(sizes)[:-1], axis=axis)


def _reshape(node: ir.Node, inputs: Sequence[Array]) -> Sequence[Array]:
    x, shape = inputs
    zero_copies = not node.attributes.get_int("allowzero", 0)
    return [x.reshape([x.shape[i] if n == 0 and zero_copies else int(n) for i, n in enumerate(shape.tolist())])]


HALF_PAGE = 2048
"""In bytes."""


def _matmul(node: ir.Node, inputs: Sequence[Array]) -> Sequence[Array]:
    """Multiply with sums in a fixed order: the rounding of a BLAS depends on its version, the processor and threads.

    The left operand is a small transform with many zeros, which are skipped. A row of the result stays in the cache.
    """
    matrix, x = cast("Sequence[npt.NDArray[np.float32]]", inputs)
    if matrix.ndim != 2 or x.ndim != 2:
        return [np.einsum("...ij,...jk->...ik", matrix, x)]  # for any rank; einsum calls no BLAS
    x = np.ascontiguousarray(x)  # the flipped kernels of the gradient are strided, and each line is read many times
    result = np.empty((len(matrix), x.shape[1]), x.dtype)
    # Large arrays begin at the same place of a page, where a processor takes a load for one that needs the store before
    # it: half a page further on the products are up to three times as fast.
    part = np.empty(x.shape[1] + HALF_PAGE // x.itemsize, x.dtype)[HALF_PAGE // x.itemsize :]
    for row, factors in zip(result, matrix, strict=True):
        used = np.flatnonzero(factors)
        if not used.size:
            row[:] = 0
            continue
        np.multiply(x[used[0]], factors[used[0]], out=row)
        for i in used[1:]:
            np.multiply(x[i], factors[i], out=part)
            row += part
    return [result]


FOLDS: Mapping[str, Callable[[ir.Node, Sequence[Array]], Sequence[Array]]] = {
    "Transpose": _transpose,
    "Slice": _slice,
    "Split": _split,
    "Reshape": _reshape,
    "MatMul": _matmul,
    "Mul": lambda node, inputs: [np.multiply(*inputs)],
}
