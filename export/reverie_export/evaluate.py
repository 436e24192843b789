"""Evaluate ONNX graphs with numpy, fast enough to check a whole network.

Operators are onnx's own reference implementations, except for a few that dominate the time of a convolutional network:
those are here, as matrix products and shifted slices. No runtime is needed to check an export.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator

from reverie_export.fast_operators import FAST
from reverie_export.sources.source import Array

# Operators whose results are memoised; all others cost less to repeat than to keep.
COSTLY = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul"))


class CannotEvaluate(Exception):
    """A node cannot be evaluated on its inputs; the network does not take a picture of this size."""


Memo = dict[int, Array]


def evaluate(
    graph: ir.Graph,
    feeds: Mapping[str, Array],
    wanted: Collection[str],
    *,
    weights: Mapping[str, Array] | None = None,
    memo: Memo | None = None,
    unchanging: Collection[str] = (),
) -> dict[str, Array]:
    """Evaluate the values ``wanted`` of ``graph``.

    Each operator calculates in the lowest precision of those inputs that depend on ``feeds``; weights and constants are
    cast to that. With the image in float64 and the cotangent in float32, the forward pass is exact at every Relu and
    pooling, and the backward pass costs half.

    Args:
        graph: Sorted; standard operators only.
        feeds: The graph's inputs by name.
        wanted: Names of values to return.
        weights: Initializers by name, instead of the graph's own.
        memo: Results of earlier evaluations. A convolution or matrix product that depends only on weights and on the
            inputs named in ``unchanging`` is computed once for all graphs that share a memo, as long as the operator,
            its attributes and all that it depends on are the same.
        unchanging: Inputs that stay the same from one evaluation to the next.

    Raises:
        CannotEvaluate: A node cannot be evaluated on its inputs.
    """
    memo = {} if memo is None else memo
    env: dict[str, Array] = dict(feeds)
    varying = set(feeds)  # values that depend on the inputs, whose precision counts
    keys: dict[str, Hashable] = {name: name for name in unchanging}
    for name, value in graph.initializers.items():
        given = weights.get(name) if weights is not None else None
        assert given is not None or value.const_value is not None
        env[name] = given if given is not None else value.const_value.numpy()  # type: ignore[union-attr]
        keys[name] = ("weight", name) if given is not None else (str(env[name].dtype), env[name].tobytes())

    last = {value.name: i for i, node in enumerate(graph) for value in node.inputs if value is not None}
    opset = graph.opset_imports.get("", 18)
    with np.errstate(all="ignore"):
        for i, node in enumerate(graph):
            names = [value.name or "" if value is not None else "" for value in node.inputs]
            outputs = [value.name or "" for value in node.outputs]
            if not varying.isdisjoint(names):
                varying.update(outputs)
            known = all(not name or name in keys for name in names)
            # A hash of all that the node depends on; 64 bits are enough for some thousand nodes.
            key = hash((node.op_type, _frozen(node), tuple(map(keys.get, names)))) if known else None
            if key is not None:
                keys.update({name: (key, k) for k, name in enumerate(outputs)})
            if key is not None and key in memo:
                env[outputs[0]] = memo[key]
            else:
                precision = _precision([env[name] for name in names if name in varying])
                results = _run(node, [env[name] if name else None for name in names], opset, precision)
                env.update(zip(outputs, results, strict=False))
                if key is not None and node.op_type in COSTLY:
                    memo[key] = env[outputs[0]]
            for name in names:
                if name and last[name] == i and name not in wanted and name not in feeds:
                    env.pop(name, None)
    return {name: env[name] for name in wanted if name in env}


def _precision(arrays: Sequence[Array]) -> np.dtype[Any] | None:
    """Return the type to calculate in: the least precise of the arrays, so that gradients stay in float32."""
    floats = [array.dtype for array in arrays if np.issubdtype(array.dtype, np.floating)]
    return min(floats, key=lambda dtype: dtype.itemsize) if floats else None


def _run(node: ir.Node, arrays: Sequence[Array | None], opset: int, precision: np.dtype[Any] | None) -> Sequence[Array]:
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    convert = precision if node.op_type != "Gemm" else None
    if convert is not None:
        arrays = [_as(array, convert) if array is not None else None for array in arrays]
    try:
        fast = FAST.get(node.op_type)
        if fast is not None and len(node.outputs) == 1 and (result := fast(attributes, *arrays)) is not None:
            return [result]
        named = {f"i{i}": array for i, array in enumerate(arrays) if array is not None}
        proto = onnx.helper.make_node(
            node.op_type,
            [f"i{i}" if array is not None else "" for i, array in enumerate(arrays)],
            [f"o{i}" for i in range(len(node.outputs))],
            domain=node.domain,
        )
        proto.attribute.extend(ir.to_proto(attribute) for attribute in node.attributes.values())
        results = ReferenceEvaluator(proto, opsets={"": opset}).run(None, named)
    except Exception as e:  # the reference implementations raise whatever numpy does
        raise CannotEvaluate(f"{node.op_type} {node.name!r}: {e}") from e
    return [np.asarray(result) if convert is None else _as(np.asarray(result), convert) for result in results]


def _as(array: Array, floats: np.dtype[Any]) -> Array:
    return array.astype(floats, copy=False) if np.issubdtype(array.dtype, np.floating) else array


def _frozen(node: ir.Node) -> Hashable:
    return tuple(sorted((name, str(attribute.value)) for name, attribute in node.attributes.items()))
