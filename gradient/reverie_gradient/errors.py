"""The errors of this package.

GradientError
├── MissingRule        operators on the path that have no rule, all of them at once
├── NotDifferentiable  a rule that does not cover this node: its attributes, or the operand asked for
├── Unrelated          a value that the output does not depend on
├── UnknownName        no such value in the graph
└── UnknownShape       a rank or size that the rule needs and shape inference could not find
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches


class GradientError(ValueError):
    """The gradient asked for cannot be built; nothing was written."""


class MissingRule(GradientError):
    """Operators between ``wrt`` and ``of`` have no rule.

    ``operators`` maps each one to the names of its nodes, in the order of the graph; ``reasons`` maps some to the
    reason.
    """

    def __init__(self, operators: Mapping[str, Sequence[str]], reasons: Mapping[str, str]) -> None:
        self.operators = {op: tuple(names) for op, names in operators.items()}
        self.reasons = {op: reasons[op] for op in operators if op in reasons}
        listed = "; ".join(
            f"{op} (node {', '.join(map(repr, names))})" + (f": {reasons[op]}" if op in reasons else "")
            for op, names in self.operators.items()
        )
        super().__init__(
            f"no gradient rule for {listed}. Differentiate up to an earlier value, or register a rule with @vjp"
        )


class NotDifferentiable(GradientError):
    """A node has a rule that does not cover the way it is used here."""

    def __init__(self, node: str, op_type: str, problem: str) -> None:
        super().__init__(f"{op_type} node {node!r}: {problem}")


class Unrelated(GradientError):
    """No differentiable path leads from a value to the output, so its gradient would be zero everywhere."""

    def __init__(self, of: str, wrt: Sequence[str]) -> None:
        names = ", ".join(map(repr, wrt))
        super().__init__(
            f"{of!r} does not depend on {names} through differentiable operators; leave it out of wrt, "
            "or check the names"
        )


class UnknownName(GradientError):
    """The graph has no value of that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        near = get_close_matches(name, list(known), n=5, cutoff=0.5)
        hint = f"; the nearest are {', '.join(map(repr, near))}" if near else ""
        super().__init__(f"the graph has no value named {name!r}{hint}")


class UnknownShape(GradientError):
    """The shape of a value cannot be inferred; ``cause`` says where that begins and what to do."""

    def __init__(self, name: str, needed: str, cause: str) -> None:
        super().__init__(f"value {name!r}: {needed} must be known, but {cause}")
