"""What every pass of the lowering promises: the graph goes on computing the same function under the same names."""

from __future__ import annotations

import onnx_ir as ir

from reverie_ascent.graph.shapes import dims

Interface = tuple[tuple[str | None, tuple[int, ...] | None], ...]


class Rewrite(ir.passes.InPlacePass):
    """A pass that rewrites a graph in place and keeps its function.

    Before: the size of every input is fixed. After: inputs and outputs have the names and shapes that they had, and
    every node reads what an earlier node, an input or a constant gives.
    """

    def requires(self, model: ir.Model) -> None:
        """Raise PreconditionError for an input whose size is open."""
        for value in model.graph.inputs:
            if dims(value) is None:
                raise ir.passes.PreconditionError(f"the size of the input {value.name} is open")
        self._before = interface(model)

    def ensures(self, model: ir.Model) -> None:
        """Raise PostconditionError where the interface changed or a node reads what is not there."""
        for (name, shape), (now, shape_now) in zip(self._before, interface(model), strict=True):
            if name != now or (shape is not None and shape != shape_now):
                raise ir.passes.PostconditionError(f"{name} {shape}, an input or output, has become {now} {shape_now}")
        there = {*model.graph.inputs, *model.graph.initializers.values()}
        for node in model.graph:
            for value in node.inputs:
                if value is not None and value not in there:
                    raise ir.passes.PostconditionError(f"{node.name} reads {value.name}, which nothing before it gives")
            there.update(node.outputs)
        for value in model.graph.outputs:
            if value not in there:
                raise ir.passes.PostconditionError(f"nothing gives the output {value.name}")


def interface(model: ir.Model) -> Interface:
    """Return the names and shapes of a graph's inputs and outputs."""
    return tuple((value.name, dims(value)) for value in (*model.graph.inputs, *model.graph.outputs))
