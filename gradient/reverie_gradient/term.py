"""Operators for values of a graph, so that rules read as calculus: ``dy * y`` makes a ``Mul``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir

from reverie_gradient.builder import Builder
from reverie_gradient.errors import UnknownShape
from reverie_gradient.inference import why_unknown

BOOL, INT64 = ir.DataType.BOOL, ir.DataType.INT64

# Operators whose result has another type than their first input.
RESULT = {"Shape": INT64, "NonZero": INT64} | dict.fromkeys(
    ("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or"), BOOL
)


@dataclass(frozen=True)
class Term:
    """One value of the graph, with the builder that makes new nodes.

    Numbers and arrays next to a term become constants of its type; lists and arrays of integers stay int64.
    """

    builder: Builder
    value: ir.Value
    dtype: ir.DataType

    @property
    def dims(self) -> tuple[int | str | None, ...]:
        """Size of each axis: a number, a symbol's name, or None if unknown.

        Raises:
            UnknownShape: not even the rank is known.
        """
        if self.value.shape is None:
            raise UnknownShape(self.value.name or "", "its rank", why_unknown(self.value))
        return tuple(d if isinstance(d, int) else d.value for d in self.value.shape)

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.dims)

    def apply(self, op_type: str, *operands: Operand | None, **attributes: Any) -> Term:
        """Make a node of ``op_type`` with this term as its first input."""
        value = self.builder.op(op_type, self._values(operands), **attributes)
        dtype = self._result(op_type, operands, attributes)
        if op_type == "Cast":
            value.shape, value.dtype = self.value.shape, dtype
        return Term(self.builder, value, dtype)

    def split(self, sizes: Operand, axis: int, parts: int) -> list[Term]:
        """Split this term along ``axis`` into ``parts`` parts of the given sizes."""
        values = self.builder.ops("Split", self._values([sizes]), parts, axis=axis)
        return [Term(self.builder, value, self.dtype) for value in values]

    def constant(self, array: Any, dtype: ir.DataType | None = None) -> Term:
        """Return a constant, of this term's type by default."""
        dtype = dtype or self.dtype
        return Term(self.builder, self.builder.constant(array, dtype), dtype)

    def _values(self, operands: Sequence[Operand | None]) -> list[ir.Value | None]:
        terms = [self, *(o for o in operands if isinstance(o, Term))]
        like = next((t.dtype for t in terms if t.dtype != BOOL), self.dtype)
        return [self.value, *(None if o is None else self._term(o, like).value for o in operands)]

    def _term(self, operand: Operand, dtype: ir.DataType) -> Term:
        if isinstance(operand, Term):
            return operand
        integers = isinstance(operand, list) or (isinstance(operand, np.ndarray) and operand.dtype.kind == "i")
        return self.constant(operand, INT64 if integers else dtype)

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


Operand: TypeAlias = "Term | float | np.ndarray | list[int]"
