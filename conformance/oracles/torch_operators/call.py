"""The arguments of a torch function that computes an ONNX node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import onnx

Tensor = Any
"""A torch tensor."""


@dataclass(frozen=True)
class Call:
    """A node with its inputs as tensors, or None for an omitted one. ``outputs`` is the number of its outputs."""

    inputs: Sequence[Tensor]
    attributes: dict[str, Any]
    opset: int
    outputs: int

    @property
    def x(self) -> Tensor:
        """The first input."""
        return self.inputs[0]

    def get(self, name: str, default: Any) -> Any:
        """Return an attribute."""
        return self.attributes.get(name, default)

    def input(self, index: int) -> Tensor:
        """Return an input, or None."""
        return self.inputs[index] if index < len(self.inputs) else None

    def numbers(self, index: int) -> list[Any] | None:
        """Return an input as a list of numbers, or None."""
        given = self.input(index)
        return None if given is None else list(given.reshape(-1).tolist())


Function = Callable[[Call], Any]
"""Returns the output of a call, or a tuple of all of them."""


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Return the attributes of a node, text as text."""
    found = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}
