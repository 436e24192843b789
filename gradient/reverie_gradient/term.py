"""A value of the graph that rules can calculate with: ``dy * y`` appends a ``Mul``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import onnx_ir as ir

from reverie_gradient.errors import UnknownShape

if TYPE_CHECKING:
    from reverie_gradient.remainder import Rim

BOOL, INT64 = ir.DataType.BOOL, ir.DataType.INT64

# Operators whose result has another type than their first input.
RESULT = {"Shape": INT64, "NonZero": INT64} | dict.fromkeys(
    ("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or"), BOOL
)


class Tape:
    """Holds new nodes until all of them are known, so that a failure leaves the graph untouched.

    ``kind`` is part of their names, as is the forward node in ``scope`` that they belong to.
    """

    def __init__(self, graph: ir.Graph, *, kind: str = "gradient") -> None:
        self.nodes: list[ir.Node] = []
        self._kind = kind
        self.scope = ""
        self._taken = {v.name for v in (*graph.inputs, *graph.initializers.values())}
        for node in graph.all_nodes():
            self._taken |= {node.name, *(v.name for v in node.outputs)}
        self._constants: dict[tuple[ir.DataType, tuple[int, ...], bytes], Term] = {}

    def append(
        self, op_type: str, inputs: Sequence[ir.Value | None], attributes: dict[str, Any], outputs: int = 1
    ) -> Sequence[ir.Value]:
        """Add one node, named after the forward node that it belongs to."""
        name = self._fresh("/".join(part for part in (self.scope, self._kind, op_type) if part))
        attrs = ir.convenience.convert_attributes(attributes)
        node = ir.Node("", op_type, inputs, attributes=attrs, num_outputs=outputs, name=name)
        for i, value in enumerate(node.outputs):
            value.name = name if outputs == 1 else f"{name}.{i}"
        self.nodes.append(node)
        return node.outputs

    def constant(self, array: np.ndarray, dtype: ir.DataType) -> Term:
        """Return ``array`` as a constant of type ``dtype``; equal constants are one node."""
        array = np.asarray(array, dtype.numpy(), order="C")
        key = (dtype, array.shape, array.tobytes())
        if key not in self._constants:
            scope, self.scope = self.scope, ""
            (value,) = self.append("Constant", [], {"value": ir.tensor(array, dtype)})
            self.scope = scope
            self._constants[key] = Term(self, value, dtype)
        return self._constants[key]

    def _fresh(self, name: str) -> str:
        candidate, n = name, 1
        while candidate in self._taken:
            n += 1
            candidate = f"{name}_{n}"
        self._taken.add(candidate)
        return candidate


@dataclass(frozen=True)
class Term:
    """One value of the graph, with the tape that new nodes go to.

    Numbers and arrays next to a term become constants of its type (arrays of integers stay int64). ``rim`` tells of
    zeros at the end of the value, where a mask can do without them.
    """

    tape: Tape
    value: ir.Value
    dtype: ir.DataType
    rim: Rim | None = None

    @property
    def dims(self) -> tuple[int | str | None, ...]:
        """Size of each axis: a number, a symbol's name, or None where nothing is known.

        Raises:
            UnknownShape: not even the rank is known.
        """
        if self.value.shape is None:
            raise UnknownShape(self.value.name or "", "its rank")
        return tuple(d if isinstance(d, int) else d.value for d in self.value.shape)

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.dims)

    def apply(self, op_type: str, *operands: Operand | None, **attributes: Any) -> Term:
        """Append the operator ``op_type`` with this term as its first input."""
        (value,) = self.tape.append(op_type, self._values(operands), attributes)
        if op_type == "Cast":
            value.shape = self.value.shape
        return Term(self.tape, value, self._result(op_type, operands, attributes))

    def split(self, sizes: Operand, axis: int, parts: int) -> list[Term]:
        """Cut this term along ``axis`` into ``parts`` pieces of the given sizes."""
        values = self.tape.append("Split", self._values([sizes]), {"axis": axis}, outputs=parts)
        return [Term(self.tape, value, self.dtype) for value in values]

    def constant(self, array: Any) -> Term:
        """Return a constant of this term's type."""
        return self.tape.constant(np.asarray(array), self.dtype)

    def _values(self, operands: Sequence[Operand | None]) -> list[ir.Value | None]:
        terms = [self, *(o for o in operands if isinstance(o, Term))]
        like = next((t.dtype for t in terms if t.dtype != BOOL), self.dtype)
        return [self.value, *(None if o is None else self._term(o, like).value for o in operands)]

    def _term(self, operand: Operand, dtype: ir.DataType) -> Term:
        if isinstance(operand, Term):
            return operand
        integers = isinstance(operand, np.ndarray) and operand.dtype.kind == "i"
        return self.tape.constant(np.asarray(operand), INT64 if integers else dtype)

    def _result(self, op_type: str, operands: Sequence[Operand | None], attributes: dict[str, Any]) -> ir.DataType:
        if op_type == "Cast":
            return ir.DataType(attributes["to"])
        if op_type == "Where":
            return next((o.dtype for o in operands if isinstance(o, Term)), self.dtype)
        return RESULT.get(op_type, self.dtype)

    def __add__(self, other: Operand) -> Term:
        return self.apply("Add", other)

    __radd__ = __add__

    def __sub__(self, other: Operand) -> Term:
        return self.apply("Sub", other)

    def __rsub__(self, other: Operand) -> Term:
        return self._term(other, self.dtype).apply("Sub", self)

    def __mul__(self, other: Operand) -> Term:
        return self.apply("Mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> Term:
        return self.apply("Div", other)

    def __rtruediv__(self, other: Operand) -> Term:
        return self._term(other, self.dtype).apply("Div", self)

    def __matmul__(self, other: Term) -> Term:
        return self.apply("MatMul", other)

    def __neg__(self) -> Term:
        return self.apply("Neg")


Operand: TypeAlias = "Term | float | np.ndarray"
