"""The table of rules, one per operator, and the argument that a rule receives.

A rule receives a ``Call`` - one node of the forward graph, with the gradients of its outputs - and returns the gradient
of each input, in the order of the node's inputs. ``None``, or a list that ends early, means "no gradient for this
input"; the engine refuses when such a gradient was asked for, so a rule never answers with a silent zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from reverie_gradient.errors import GradientError, NotDifferentiable
from reverie_gradient.known import Known
from reverie_gradient.term import Term


@dataclass(frozen=True)
class Call:
    """One node of the forward graph, its values, and the gradients of its outputs.

    ``inputs`` and ``outputs`` are the values of the forward pass (None where an optional one is left out); ``dys``
    holds the gradient of each output (None where nothing depends on it); ``known`` says what is known of values before
    the graph runs.
    """

    node: ir.Node
    inputs: tuple[Term | None, ...]
    outputs: tuple[Term | None, ...]
    dys: tuple[Term | None, ...]
    opset: int
    known: Known

    @property
    def x(self) -> Term:
        """The first input."""
        return self.input(0)

    @property
    def y(self) -> Term:
        """The first output."""
        y = self.outputs[0]
        assert y is not None
        return y

    @property
    def dy(self) -> Term:
        """The gradient of the first output."""
        dy = self.dys[0]
        assert dy is not None
        return dy

    def has(self, index: int) -> bool:
        """Whether the optional input ``index`` is given."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def input(self, index: int) -> Term:
        """Return an input that the operator requires; raise NotDifferentiable if it is left out."""
        term = self.inputs[index] if index < len(self.inputs) else None
        if term is None:
            raise self.refuse(f"its input {index} is missing")
        return term

    def constant(self, index: int) -> np.ndarray | None:
        """Return the array that input ``index`` always holds, None if it is left out or depends on what is given.

        It may be a constant, or follow from constants and known shapes.
        """
        return self.known.array(self.input(index).value) if self.has(index) else None

    def integer(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        return self.node.attributes.get_int(name, default)

    def number(self, name: str, default: float) -> float:
        """Return a float attribute."""
        return self.node.attributes.get_float(name, default)

    def string(self, name: str, default: str) -> str:
        """Return a string attribute."""
        return self.node.attributes.get_string(name, default)

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Return an attribute that lists integers, None if it is left out."""
        values = self.node.attributes.get_ints(name)
        return None if values is None else tuple(values)

    def refuse(self, problem: str) -> NotDifferentiable:
        """Return the error that says what this node does that its rule does not cover."""
        return NotDifferentiable(name_of(self.node), self.node.op_type, problem)


Rule: TypeAlias = Callable[[Call], "Sequence[Term | None]"]

RULES: dict[str, Rule] = {}

# Operators whose rules need operators that some runtimes lack.
UNPORTABLE: set[str] = set()


def vjp(*op_types: str, portable: bool = True) -> Callable[[Rule], Rule]:
    """Register the vector-Jacobian product of one or more operators.

    Operators of another domain than ai.onnx are written ``domain::Name``.
    A rule that cannot do without operators that some runtimes lack says ``portable=False``; see ``unportable``.
    """

    def register(rule: Rule) -> Rule:
        for op_type in op_types:
            RULES[op_type] = rule
            (UNPORTABLE.discard if portable else UNPORTABLE.add)(op_type)
        return rule

    return register


@contextmanager
def contradictions_reported(node: ir.Node) -> Iterator[None]:
    """Turn the errors that a node with contradictory attributes causes in a rule into NotDifferentiable with its name.

    Rules trust the graph: that there are as many strides as axes, that shapes fit each other.
    """
    try:
        yield
    except GradientError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise NotDifferentiable(
            name_of(node), node.op_type, f"its inputs and attributes contradict each other ({said})"
        ) from error


def unportable(nodes: Iterable[ir.Node]) -> dict[str, tuple[str, ...]]:
    """Return which of ``nodes`` have gradients that some runtimes cannot run: their names, by operator."""
    found: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        operator = operator_of(node)
        if operator in UNPORTABLE:
            found[operator] = (*found.get(operator, ()), name_of(node))
    return found


def is_standard(node: ir.Node) -> bool:
    """Whether the node's operator belongs to ai.onnx."""
    return node.domain in ("", "ai.onnx")


def operator_of(node: ir.Node) -> str:
    """Return the name under which the table lists the node's operator."""
    return node.op_type if is_standard(node) else f"{node.domain}::{node.op_type}"


def name_of(node: ir.Node) -> str:
    """Return the node's name, or that of its first output where it has none."""
    return node.name or next((v.name for v in node.outputs if v.name), "")
