"""The base class of the lowering's passes, which keep a graph's function and the names of its inputs and outputs."""

from __future__ import annotations

import onnx_ir as ir

from reverie_ascent.graph.shapes import dims

Interface = tuple[tuple[str | None, tuple[int, ...] | None], ...]


class Rewrite(ir.passes.InPlacePass):
    """A pass that rewrites a graph in place and keeps its function.

    Precondition: the size of every input is fixed. Postcondition: inputs and outputs have kept their names and shapes,
    and every node reads only outputs of earlier nodes, inputs and constants.
    """

    def requires(self, model: ir.Model) -> None:
        """Raise PreconditionError if the size of an input is not fixed."""
        for value in model.graph.inputs:
            if dims(value) is None:
                raise ir.passes.PreconditionError(f"the size of the input {value.name} is open")
        self._before = interface(model)

    def ensures(self, model: ir.Model) -> None:
        """Raise PostconditionError if the interface has changed or a node reads a value that is not defined yet."""
        for (name, shape), (now, shape_now) in zip(self._before, interface(model), strict=True):
            if name != now or (shape is not None and shape != shape_now):
                raise ir.passes.PostconditionError(f"{name} {shape}, an input or output, has become {now} {shape_now}")
        defined = {*model.graph.inputs, *model.graph.initializers.values()}
        for node in model.graph:
            for value in node.inputs:
                if value is not None and value not in defined:
                    raise ir.passes.PostconditionError(f"{node.name} reads {value.name}, which nothing before it gives")
            defined.update(node.outputs)
        for value in model.graph.outputs:
            if value not in defined:
                raise ir.passes.PostconditionError(f"nothing gives the output {value.name}")


def interface(model: ir.Model) -> Interface:
    """Return the names and shapes of a graph's inputs and outputs."""
    return tuple((value.name, dims(value)) for value in (*model.graph.inputs, *model.graph.outputs))
