"""Evaluate ONNX graphs with numpy in float64, fast enough to check a whole network.

Operators are onnx's own reference implementations, except for those that take most of the time of a network
(`fast_operators`) and those that onnx computes in float32 (`exact_operators`). No runtime is needed to check an export.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator

from reverie_export.exact_operators import EXACT
from reverie_export.fast_operators import FAST
from reverie_export.sources.source import Array

EXACTLY, SINGLY = np.dtype(np.float64), np.dtype(np.float32)
# Operators whose results are always memoised; those of all others only while there is room.
COSTLY = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul"))
ROOM = 1 << 30  # bytes
SIZES = frozenset(("Shape", "Size"))  # their results depend on the shape of an input, not on its numbers
OWN = {**FAST, **EXACT}

Frozen = tuple[tuple[str, int, Any], ...]
SCALARS = frozenset((ir.AttributeType.INT, ir.AttributeType.FLOAT, ir.AttributeType.STRING))
LISTS = frozenset((ir.AttributeType.INTS, ir.AttributeType.FLOATS, ir.AttributeType.STRINGS))


class CannotEvaluate(Exception):
    """A node cannot be evaluated on its inputs; the network does not take a picture of this size."""


@dataclass
class Memo:
    """Results that graphs of one network share, by a hash of all that they depend on."""

    results: dict[int, Array] = field(default_factory=dict)
    room: int = ROOM  # what is left for results that are cheap to repeat

    def keep(self, key: int, operator: str, array: Array) -> None:
        """Keep a result if it is worth its memory."""
        if operator not in COSTLY:
            if array.nbytes > self.room:
                return
            self.room -= array.nbytes
        self.results[key] = array


def evaluate(
    graph: ir.Graph,
    feeds: Mapping[str, Array],
    wanted: Collection[str],
    *,
    weights: Mapping[str, Array] | None = None,
    memo: Memo | None = None,
    single: Collection[str] = (),
    partly: bool = False,
) -> dict[str, Array]:
    """Evaluate the values ``wanted`` of ``graph`` in float64.

    Every node that depends on the numbers of an input calculates in float64: what it reads is converted to that,
    whatever it is, so one constant in float32 cannot make the rest less exact. Nodes that depend on an input in
    ``single`` calculate in float32. With the picture in float64 and the cotangent single, the forward pass is exact at
    every Relu and pooling, and the backward pass costs half. What depends on constants and sizes alone keeps the
    graph's own type, because a size that is rounded is rounded from that.

    Args:
        graph: Sorted; standard operators only.
        feeds: The graph's inputs by name.
        wanted: Names of values to return.
        weights: Initializers by name, instead of the graph's own.
        memo: Results of earlier evaluations with the same feeds, apart from those in ``single``. What depends only on
            weights and on these feeds is computed once for all graphs that share a memo, as long as the operator, its
            attributes and all that it depends on are the same.
        single: Inputs in float32.
        partly: Return what can be evaluated, without what needs a node that cannot.

    Raises:
        CannotEvaluate: A node cannot be evaluated on its inputs.
    """
    run = _Run(graph, feeds, memo, weights or {}, frozenset(single))
    needed = _needed(graph, wanted)
    last = {name: i for i, node in enumerate(needed) for name in _reads(node)}
    with np.errstate(all="ignore"):
        for i, node in enumerate(needed):
            names = _names(node.inputs)
            if partly and not all(not name or name in run.values for name in names):
                continue
            try:
                run.step(node, names)
            except CannotEvaluate:
                if not partly:
                    raise
            for name in _reads(node):
                if name and last[name] == i and name not in wanted and name not in feeds:
                    run.values.pop(name, None)
    return {name: run.values[name] for name in wanted if name in run.values}


class _Run:
    """The values of one evaluation, and what is known of each."""

    def __init__(
        self,
        graph: ir.Graph,
        feeds: Mapping[str, Array],
        memo: Memo | None,
        weights: Mapping[str, Array],
        single: frozenset[str],
    ) -> None:
        self.values = {name: _as(array, SINGLY if name in single else EXACTLY) for name, array in feeds.items()}
        self.precision = {name: SINGLY if name in single else EXACTLY for name in feeds}  # of what depends on feeds
        self._memo = memo
        self._keys: dict[str, Hashable] = {name: name for name in feeds if name not in single}
        self._opset = graph.opset_imports.get("", 18)
        self._hold(graph, weights)

    def _hold(self, graph: ir.Graph, weights: Mapping[str, Array]) -> None:
        """Take the weights and constants of a graph."""
        for name, value in graph.initializers.items():
            given = weights.get(name)
            assert given is not None or value.const_value is not None
            array = given if given is not None else value.const_value.numpy()  # type: ignore[union-attr]
            self.values[name] = array
            if self._memo is not None:
                self._keys[name] = ("weight", name) if given is not None else (str(array.dtype), array.tobytes())

    def step(self, node: ir.Node, names: Sequence[str]) -> None:
        """Evaluate one node, or take its results from the memo."""
        outputs = _names(node.outputs)
        if node.op_type == "If" and (branch := self._branch(node)) is not None:
            self._hold(branch, {})
            for inner in branch:
                self.step(inner, _names(inner.inputs))
            for name, source in zip(outputs, _names(branch.outputs), strict=True):
                self.values[name] = self.values[source]
                if source in self.precision:
                    self.precision[name] = self.precision[source]
            return
        found = [self.precision[name] for name in names if name in self.precision]
        precision = min(found, key=lambda kind: kind.itemsize) if found and node.op_type not in SIZES else None
        frozen = _frozen(node)
        keys = [self._key(node, frozen, names, k) for k in range(len(outputs))]
        if self._memo is not None and all(key in self._memo.results for key in keys):
            results = [self._memo.results[key] for key in keys if key is not None]
        else:
            results = _results(node, frozen, [self.values[n] if n else None for n in names], self._opset, precision)
            for key, array in zip(keys, results, strict=False):
                if self._memo is not None and key is not None:
                    self._memo.keep(key, node.op_type, array)
        for name, key, array in zip(outputs, keys, results, strict=False):
            assert precision is None or array.dtype == precision or not _is_float(array), (node, array.dtype)
            self.values[name] = array
            if precision is not None:
                self.precision[name] = precision
            if key is not None:
                self._keys[name] = key

    def _branch(self, node: ir.Node) -> ir.Graph | None:
        """Return the graph that an If takes."""
        given = self.values[_names(node.inputs)[0]]
        attribute = node.attributes.get("then_branch" if given.reshape(-1)[0] else "else_branch")
        return attribute.as_graph() if attribute is not None else None

    def _key(self, node: ir.Node, frozen: Frozen, names: Sequence[str], output: int) -> int | None:
        """Return a hash of all that an output depends on, None if that changes from run to run."""
        if self._memo is None or not all(not name or name in self._keys for name in names):
            return None
        # 64 bits are enough for some thousand nodes.
        return hash((node.domain, node.op_type, frozen, output, tuple(self._keys[n] if n else None for n in names)))


def _needed(graph: ir.Graph, wanted: Collection[str]) -> list[ir.Node]:
    """Return the nodes that the values ``wanted`` depend on, in their order."""
    names, found = set(wanted), []
    for node in reversed(graph):
        if not names.isdisjoint(_names(node.outputs)):
            names.update(_reads(node))
            found.append(node)
    return found[::-1]


def _reads(node: ir.Node) -> list[str]:
    """Return the names that a node reads, and those that the graphs in it read from outside."""
    names = _names(node.inputs)
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            body = attribute.as_graph()
            names += [name for inner in body for name in _reads(inner)] + _names(body.outputs)
    return names


def _results(
    node: ir.Node, frozen: Frozen, arrays: Sequence[Array | None], opset: int, precision: np.dtype[Any] | None
) -> list[Array]:
    """Evaluate a node in ``precision``, or if that is None in the types of its inputs."""
    if precision is not None:
        spare = 1 if node.op_type == "Gemm" else None  # it converts the weights itself, a part at a time
        arrays = [a if a is None or i == spare else _as(a, precision) for i, a in enumerate(arrays)]
    try:
        results = _run(node, frozen, arrays, opset)
    except Exception as e:  # the reference implementations raise whatever numpy does
        raise CannotEvaluate(f"{node.op_type} {node.name!r}: {e}") from e
    if precision is None:
        return results
    exact = precision == EXACTLY and any(a is not None and _is_float(a) for a in arrays)
    if exact and any(_is_float(result) and result.dtype != EXACTLY for result in results):
        raise CannotEvaluate(f"{node.op_type} {node.name!r} can be evaluated in float32 only, which is not exact")
    return [_as(result, precision) for result in results]


def _run(node: ir.Node, frozen: Frozen, arrays: Sequence[Array | None], opset: int) -> list[Array]:
    own = OWN.get(node.op_type) if node.domain in ("", "ai.onnx") and len(node.outputs) == 1 else None
    if own is not None:
        attributes = {name: attribute.value for name, attribute in node.attributes.items()}
        if (result := own(attributes, *arrays)) is not None:
            return [result]
    given = tuple(array is not None for array in arrays)
    call = _implementation(node.domain, node.op_type, frozen, given, len(node.outputs), opset)
    return [np.asarray(r) for r in call({f"i{i}": array for i, array in enumerate(arrays) if array is not None})]


@lru_cache(maxsize=4096)
def _implementation(
    domain: str, operator: str, frozen: Frozen, given: tuple[bool, ...], outputs: int, opset: int
) -> Callable[[Mapping[str, Array]], Sequence[Array]]:
    """Return onnx's implementation of an operator with these attributes."""
    names = [f"i{i}" if there else "" for i, there in enumerate(given)]
    node = onnx.helper.make_node(operator, names, [f"o{i}" for i in range(outputs)], domain=domain)
    for name, kind, value in frozen:
        if isinstance(value, bytes):
            node.attribute.append(onnx.AttributeProto.FromString(value))
        else:
            node.attribute.append(onnx.helper.make_attribute(name, value, attr_type=kind))
    # Of a node alone, the evaluator would take the newest definition.
    inputs, results = ([onnx.ValueInfoProto(name=n) for n in names if n] for names in (node.input, node.output))
    graph = onnx.helper.make_graph([node], "node", inputs, results)
    evaluator: Any = ReferenceEvaluator(graph, opsets={"": opset, domain: opset})
    return lambda named: evaluator.run(None, named)


def _frozen(node: ir.Node) -> Frozen:
    """Return the attributes of a node: what is not a number, a text or a list of these, as an AttributeProto."""
    found = []
    for name, attribute in sorted(node.attributes.items()):
        kind, value = attribute.type, attribute.value
        if kind in LISTS:
            value = tuple(value)
        elif kind not in SCALARS:
            value = ir.to_proto(attribute).SerializeToString(deterministic=True)
        found.append((name, int(kind), value))
    return tuple(found)


def _names(values: Sequence[ir.Value | None]) -> list[str]:
    return [value.name or "" if value is not None else "" for value in values]


def _is_float(array: Array) -> bool:
    return bool(np.issubdtype(array.dtype, np.floating))


def _as(array: Array, floats: np.dtype[Any]) -> Array:
    return array.astype(floats, copy=False) if _is_float(array) else array
