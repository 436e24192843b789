"""The gradient of whole models: ``onnx.ModelProto`` in, ``onnx.ModelProto`` out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
import onnx_ir as ir

from reverie_gradient.backward import add_gradient, between
from reverie_gradient.builder import Builder
from reverie_gradient.errors import GradientError, UnknownName
from reverie_gradient.functions import inline_functions


def with_gradient(
    model: onnx.ModelProto, *, of: str, wrt: str | Sequence[str], folder: str | Path = ""
) -> onnx.ModelProto:
    """Return a copy of ``model`` that also computes the gradient of ``of`` with respect to ``wrt``.

    Args:
        model: Any ONNX model of opset 13 to 28; weights kept as external data stay references.
        of: The float value to differentiate, an output or anything that one depends on.
        wrt: One or several float values to differentiate by: inputs, initializers, or values in between.
        folder: The folder of the model's external data, the current one by default. Only numbers that the gradient's
            nodes depend on are read: those of a Pad or Tile, not the weights of a convolution.

    Returns:
        The model with one more input, ``{of}_cotangent``, of the type and shape of ``of``, and one more output,
        ``{wrt}_gradient``, for each ``wrt`` and of its shape: d<of, of_cotangent>/d(wrt). Everything else is
        kept, but operators in between that have no rule are replaced by the definitions that ONNX gives for them.

    Raises:
        UnknownName: The graph has no value of that name; the message holds the nearest ones.
        MissingRule: Operators between ``wrt`` and ``of`` have no rule; all of them are listed with their nodes.
        Unrelated: ``of`` does not depend on ``wrt``.
        GradientError: Any of the above, a name of the result that is taken, or a rule that does not cover a node.
    """
    targets = [wrt] if isinstance(wrt, str) else list(wrt)
    if not targets or len(set(targets)) != len(targets):
        raise GradientError(f"wrt must name each value once and at least one; it is {targets}")
    copy = ir.from_proto(model)
    graph = copy.graph
    ir.external_data.set_base_dir(graph, folder)
    values = ir.convenience.create_value_mapping(graph, include_subgraphs=False)
    for name in (of, *targets):
        if name not in values:
            raise UnknownName(name, values)
    for name in (f"{of}_cotangent", *(f"{t}_gradient" for t in targets)):
        if name in values:
            raise GradientError(f"the graph already has a value named {name!r}; rename it first")

    while inline_functions(graph, between(graph, [values[t] for t in targets], values[of])[0]):
        values = ir.convenience.create_value_mapping(graph, include_subgraphs=False)

    cotangent = ir.Value(name=f"{of}_cotangent")
    gradients = add_gradient(graph, of=values[of], wrt=[values[t] for t in targets], cotangent=cotangent)
    graph.inputs.append(cotangent)

    for name, gradient in zip(targets, gradients, strict=True):
        output = gradient
        if gradient is cotangent or gradient.is_graph_output():  # one value cannot leave the graph under two names
            builder = Builder(graph)
            output = builder.op("Identity", [gradient], name=f"{name}_gradient")
            builder.append()
        output.name = f"{name}_gradient"
        output.type, output.shape = values[name].type, values[name].shape
        graph.outputs.append(output)
    return ir.to_proto(copy)
