"""The pass that notes which shapes a network states in numbers.

A Reshape to [1, 16, 8, 32] works for one size of pictures only. Later passes fold the shapes that a network computes
into numbers too, and replace both kinds by what fits any size; so the stated ones are noted first, and `Geometry`
refuses the sizes that contradict them.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult

#: The key in a graph's `meta`: a mapping from names of values to their stated shapes, with None for what is computed.
KEY = "reverie.stated_shapes"

Stated = tuple[int | None, ...]

#: The operators that take a shape, and the index of that input.
SHAPED = {"Reshape": 1, "Expand": 1, "Resize": 3}


class NoteStatedShapes(InPlacePass):
    """Notes the shapes in the graph's `meta`; changes nothing else."""

    def call(self, model: ir.Model) -> PassResult:
        """Note the shape of the result of each node that is given one."""
        noted: dict[str, Stated] = {}
        for node in model.graph:
            at = SHAPED.get(node.op_type)
            if at is None or node.domain not in ("", "ai.onnx") or len(node.inputs) <= at:
                continue
            stated = _numbers(node.inputs[at])
            if stated and any(n is not None for n in stated):
                noted[node.outputs[0].name or ""] = _result(node, stated)
        model.graph.meta[KEY] = noted
        return PassResult(model, modified=False)


def contradicts(stated: Stated, shape: tuple[int, ...]) -> bool:
    """Whether a shape differs from what the network states of it."""
    return len(stated) != len(shape) or any(n not in (None, m) for n, m in zip(stated, shape, strict=True))


def _result(node: ir.Node, stated: Stated) -> Stated:
    """Return what is stated of the result: -1 and 0 of a Reshape, and 1 of an Expand, depend on the input."""
    free = {"Reshape": {-1} if node.attributes.get_int("allowzero", 0) else {-1, 0}, "Expand": {1}}
    return tuple(None if n in free.get(node.op_type, ()) else n for n in stated)


def _numbers(value: ir.Value | None) -> Stated | None:
    """Return the elements of a vector of integers, None for each that is computed; None if their number is unknown."""
    if value is None:
        return None
    tensor = ir.convenience.get_const_tensor(value)
    if tensor is not None:
        return tuple(int(n) for n in tensor.numpy().ravel()) if tensor.size <= MOST else None
    producer = value.producer()
    if producer is not None and producer.op_type == "Concat":
        parts = [_numbers(part) for part in producer.inputs]
        return tuple(n for part in parts if part is not None for n in part) if None not in parts else None
    if producer is not None and producer.op_type == "Unsqueeze":  # of a single number
        return (None,)
    count = value.shape[0] if value.shape is not None and len(value.shape) == 1 else None
    return (None,) * count if isinstance(count, int) else None


MOST = 16
"""The most elements of a shape."""
