"""What is known of the values of a graph before it runs: constants, all that follows from them, and sizes.

Exporters compute pads, axes and shapes by chains of nodes: Constant to Cast, Shape to Gather to Concat. A rule that
needs such numbers asks here. Of a shape with free sizes, some elements are numbers and the others are names of sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator

from reverie_gradient.nodes import bodies

MOST_ELEMENTS = 64 * 1024  # of a value that is worked out; larger ones are weights
MOST_UNKNOWN = 256  # elements of a value of which not one is known

UNKNOWN = ""  # stands for the name of a number that has none
Dim = int | str | None


@dataclass(frozen=True)
class Elements:
    """A small tensor. ``names`` holds None where the element of ``numbers`` is known.

    Elsewhere it holds the name of the size that the element is, or `UNKNOWN`, and ``numbers`` holds 1.
    """

    numbers: np.ndarray
    names: np.ndarray

    @property
    def complete(self) -> bool:
        """Whether every element is a number."""
        return all(name is None for name in self.names.flat)

    @property
    def dims(self) -> list[Dim]:
        """The elements as sizes of a shape: None for one that is not known."""
        pairs = zip(self.numbers.reshape(-1), self.names.reshape(-1), strict=True)
        return [int(n) if name is None else name or None for n, name in pairs]


def numbers(array: np.ndarray) -> Elements:
    """Return the elements of a tensor that is known."""
    return Elements(array, np.full(array.shape, None, object))


class Known:
    """What is known of the values of one graph; it is worked out when it is asked for, and once.

    The graph must be sorted and have its shapes inferred, and what was asked about must not change afterwards.
    """

    def __init__(self, graph: ir.Graph) -> None:
        self._opset = graph.opset_imports.get("", 0)
        self._found: dict[ir.Value, Elements | None] = {}

    def array(self, value: ir.Value) -> np.ndarray | None:
        """Return the numbers that ``value`` always holds, None if they depend on what the graph is given."""
        constant = ir.convenience.get_const_tensor(value)
        if constant is not None:
            return constant.numpy()
        found = self.elements(value)
        return found.numbers if found is not None and found.complete else None

    def elements(self, value: ir.Value) -> Elements | None:
        """Return what is known of the elements of ``value``, None if that is nothing, not even their number."""
        stack, entered = [value], set[ir.Value]()
        while stack:
            asked = stack[-1]
            if asked in self._found:
                stack.pop()
            elif asked in entered or not (needed := self._needed(asked)):
                self._found[asked] = self._work_out(asked)
            else:
                entered.add(asked)
                stack += needed
        return self._found[value]

    def _needed(self, value: ir.Value) -> list[ir.Value]:
        """Return the values to look at before ``value``, those that are not known yet."""
        node = value.producer()
        if node is None or not _is_pure(node) or _is_large(value) or ir.convenience.get_const_tensor(value) is not None:
            return []
        asked = [] if node.op_type in FROM_SHAPE else [v for v in node.inputs if v is not None]
        if any(v in self._found and self._found[v] is None for v in asked):
            return []
        return [v for v in asked if v not in self._found]

    def _work_out(self, value: ir.Value) -> Elements | None:
        constant = ir.convenience.get_const_tensor(value)
        if constant is not None:
            return numbers(constant.numpy()) if constant.size <= MOST_ELEMENTS else None
        node = value.producer()
        found: Sequence[Elements | None] = ()
        if node is not None and _is_pure(node) and not _is_large(value):
            found = self._results(node)
        for output, result in zip(node.outputs if node is not None else (), found, strict=False):
            self._found[output] = result if result is not None else _of_unknown(output)
        return self._found[value] if value in self._found else _of_unknown(value)

    def _results(self, node: ir.Node) -> Sequence[Elements | None]:
        if node.op_type in FROM_SHAPE:
            return FROM_SHAPE[node.op_type](node)
        inputs = [None if v is None else self._found.get(v) for v in node.inputs]
        if any(e is None and v is not None for v, e in zip(node.inputs, inputs, strict=True)):
            return ()
        unsized = any(v.shape is None or not v.shape.is_static() for v in node.outputs)
        if unsized and node.op_type in ENLARGING:
            return ()
        given = [e for e in inputs if e is not None]
        if all(e.complete for e in given):
            results = self._run(node, [None if e is None else e.numbers for e in inputs])
            return [numbers(r) if r.size <= MOST_ELEMENTS else None for r in results]
        if node.op_type in MOVING:
            return self._moved(node, inputs)
        return [self._elementwise(node, given)] if node.op_type in ELEMENTWISE else ()

    def _run(self, node: ir.Node, inputs: Sequence[np.ndarray | None]) -> Sequence[np.ndarray]:
        """Evaluate one node; nothing if it cannot take these inputs, which is for others to report."""
        names = [f"i{i}" if array is not None else "" for i, array in enumerate(inputs)]
        proto = onnx.helper.make_node(node.op_type, names, [f"o{i}" for i in range(len(node.outputs))])
        proto.attribute.extend(ir.to_proto(attribute) for attribute in node.attributes.values())
        feeds = {name: array for name, array in zip(names, inputs, strict=True) if array is not None}
        try:
            with np.errstate(all="ignore"):
                results: Any = ReferenceEvaluator(proto, opsets={"": self._opset}).run(None, feeds)
        except Exception:  # the reference implementations raise whatever numpy does
            return ()
        return [] if any(r is None or isinstance(r, list | dict) for r in results) else [np.asarray(r) for r in results]

    def _moved(self, node: ir.Node, inputs: Sequence[Elements | None]) -> Sequence[Elements | None]:
        """Move the elements of the first input, or of all that Concat joins, to where the node moves their numbers."""
        count = len(inputs) if node.op_type == "Concat" else 1
        sources = [e for e in inputs[:count] if e is not None]
        others = [e for e in inputs[count:] if e is not None]
        if len(sources) != count or not all(e.complete for e in others):
            return ()
        ends = np.cumsum([e.numbers.size for e in sources])
        places: list[np.ndarray | None] = [
            np.arange(end - e.numbers.size, end, dtype=np.int64).reshape(e.numbers.shape)
            for e, end in zip(sources, ends, strict=True)
        ]
        where = self._run(node, places + [None if e is None else e.numbers for e in inputs[count:]])
        flat = np.concatenate([e.numbers.reshape(-1) for e in sources])
        names = np.concatenate([e.names.reshape(-1) for e in sources])
        return [Elements(np.asarray(flat[w]), np.asarray(names[w], object)) for w in where]

    def _elementwise(self, node: ir.Node, inputs: Sequence[Elements]) -> Elements | None:
        """Calculate with the elements that are known; sizes keep their names where they stay what they are."""
        results = self._run(node, [e.numbers for e in inputs])
        if not results:
            return None
        result = results[0]
        everything = [np.broadcast_to(a, result.shape).reshape(-1) for e in inputs for a in (e.numbers, e.names)]
        flat, names = result.reshape(-1).copy(), np.full(result.size, None, object)
        for i in range(result.size):
            parts = [Part(n[i], m[i]) for n, m in zip(everything[::2], everything[1::2], strict=True)]
            if any(part.name is not None for part in parts):
                flat[i], names[i] = _element(node.op_type, parts)
                if names[i] is not None and result.dtype.str not in HOLDS_SIZES:
                    names[i] = UNKNOWN
        return Elements(flat.reshape(result.shape), names.reshape(result.shape))


@dataclass(frozen=True)
class Part:
    """One element."""

    number: Any
    name: str | None


def _element(op_type: str, parts: Sequence[Part]) -> tuple[Any, str | None]:
    """Return the number and the name of a result of which some operand is not known."""
    first, *others = parts
    if op_type == "Where":
        if first.name is None:
            chosen = others[0 if first.number else 1]
            return chosen.number, chosen.name
    elif op_type in KEEPS_SIZE:
        return 1, first.name
    elif others and first.name and first.name == others[0].name:
        if op_type in OF_ITSELF:
            return OF_ITSELF[op_type], None
    elif others:
        known, size = (first, others[0]) if first.name is None else (others[0], first)
        if known.name is None:
            right = known is others[0]
            neutral = NEUTRAL.get(op_type)
            if neutral is not None and known.number == neutral and (right or op_type in ("Add", "Mul")):
                return 1, size.name
            if op_type == "Mul" and known.number == 0:
                return 0, None
            if op_type == "Equal" and known.number < 0 and size.name != UNKNOWN:  # no size is negative
                return False, None
    return 1, UNKNOWN


# ----- tables -----


def _shape(node: ir.Node) -> Sequence[Elements | None]:
    x = node.inputs[0]
    if x is None or x.shape is None:
        return ()
    dims = [d if isinstance(d, int) else d.value or UNKNOWN for d in x.shape]
    part = dims[slice(node.attributes.get_int("start", 0), node.attributes.get_int("end", len(dims)))]
    return [
        Elements(
            np.array([d if isinstance(d, int) else 1 for d in part], np.int64),
            np.array([None if isinstance(d, int) else d for d in part], object),
        )
    ]


def _size(node: ir.Node) -> Sequence[Elements | None]:
    shape = node.inputs[0].shape if node.inputs[0] is not None else None
    known = shape is not None and shape.is_static()
    return [numbers(np.array(reduce(int.__mul__, shape.numpy(), 1), np.int64))] if known and shape is not None else ()


FROM_SHAPE: Mapping[str, Callable[[ir.Node], Sequence[Elements | None]]] = {"Shape": _shape, "Size": _size}
"""Operators whose results depend on the shape of their input, not on its elements."""

MOVING = frozenset(
    """Concat Expand Flatten Gather GatherElements GatherND Identity Reshape Slice Split Squeeze Tile Transpose
    Unsqueeze""".split()  # noqa: SIM905 - as a table
)
ELEMENTWISE = frozenset("Abs Add Cast Ceil Div Equal Floor Mul Round Sub Where".split())  # noqa: SIM905
KEEPS_SIZE = frozenset(("Abs", "Cast", "Ceil", "Floor", "Round"))
HOLDS_SIZES = frozenset(("<i4", "<i8", "<f4", "<f8"))
NEUTRAL = {"Add": 0, "Div": 1, "Mul": 1, "Sub": 0}
OF_ITSELF = {"Div": 1, "Equal": True, "Sub": 0}

# Their results may be much larger than their inputs.
ENLARGING = frozenset(
    """BlackmanWindow ConstantOfShape Expand EyeLike HammingWindow HannWindow MelWeightMatrix OneHot Pad Range Resize
    Tile""".split()  # noqa: SIM905
)
IMPURE = frozenset(
    """Bernoulli Dropout ImageDecoder Multinomial RandomNormal RandomNormalLike RandomUniform
    RandomUniformLike""".split()  # noqa: SIM905
)


def _is_pure(node: ir.Node) -> bool:
    """Whether the results of ``node`` follow from its inputs alone, and can be worked out here."""
    return node.domain in ("", "ai.onnx") and node.op_type not in IMPURE and not bodies(node)


def _is_large(value: ir.Value) -> bool:
    shape = value.shape
    return shape is not None and shape.is_static() and reduce(int.__mul__, shape.numpy(), 1) > MOST_ELEMENTS


def _of_unknown(value: ir.Value) -> Elements | None:
    """Return that nothing is known of the integers of ``value`` but how many there are."""
    shape, dtype = value.shape, value.dtype
    if shape is None or not shape.is_static() or dtype is None or not (dtype.is_integer() or dtype == ir.DataType.BOOL):
        return None
    dims = tuple(shape.numpy())
    if reduce(int.__mul__, dims, 1) > MOST_UNKNOWN:
        return None
    return Elements(np.ones(dims, dtype.numpy()), np.full(dims, UNKNOWN, object))
