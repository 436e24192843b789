"""The pass that removes BatchNormalization: folded into a convolution, or written as a product and a sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult
from reverie_gradient import Builder

from reverie_export.errors import BadSource

STANDARD = ("", "ai.onnx")


class FoldBatchNorms(InPlacePass):
    """Folds each BatchNormalization into the convolution before it, or writes it as a product and a sum.

    A folded convolution computes the normalised value, so it has the names of both: ``names`` maps values to names and
    is kept up to date.
    """

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self.names = dict(names)

    def call(self, model: ir.Model) -> PassResult:
        """Fold all; raises BadSource for statistics that are not constants."""
        builder = Builder(model.graph)
        found = [node for node in model.graph if is_batch_norm(node)]
        for node in found:
            scale, shift = _affine(node)
            if not self._fold(builder, node, scale, shift):
                _write_out(builder, node, scale, shift)
        return PassResult(model, modified=bool(found))

    def ensures(self, model: ir.Model) -> None:
        """None is left."""
        assert not any(map(is_batch_norm, model.graph))

    def _fold(self, builder: Builder, node: ir.Node, scale: np.ndarray, shift: np.ndarray) -> bool:
        """Fold into the convolution that ``node`` normalises, if it does that and nothing else reads the result."""
        x, result = node.inputs[0], node.outputs[0]
        conv = x.producer() if x is not None else None
        if x is None or conv is None or conv.op_type != "Conv" or len(x.uses()) != 1 or x.is_graph_output():
            return False
        weight = conv.inputs[1]
        if weight is None or weight.const_value is None or weight.const_value.shape[0] != len(scale):
            return False
        name = result.name or ""
        _scale(builder, conv, scale, shift, f"{name}.bias")
        if both := (*self.names.get(x.name or "", ()), *self.names.get(name, ())):
            self.names[name] = both
        ir.convenience.replace_all_uses_with(result, x, replace_graph_outputs=True)
        builder.graph.remove(node, safe=True)
        x.name = name
        return True


def is_batch_norm(node: ir.Node) -> bool:
    """Whether the node is the standard operator BatchNormalization."""
    return node.op_type == "BatchNormalization" and node.domain in STANDARD


def _affine(node: ir.Node) -> tuple[np.ndarray, np.ndarray]:
    """Return the scale and the shift of each channel that ``node`` amounts to."""
    constants = [v.const_value.numpy().astype(np.float64) for v in node.inputs[1:] if v is not None and v.const_value]
    if len(constants) != 4 or node.attributes.get_int("training_mode", False):
        raise BadSource(f"BatchNormalization {node.name!r} has statistics that are not constants")
    gamma, beta, mean, variance = constants
    if len({c.shape for c in constants}) > 1 or gamma.ndim != 1:
        raise BadSource(f"BatchNormalization {node.name!r} has statistics of shapes {[c.shape for c in constants]}")
    scale = gamma / np.sqrt(variance + node.attributes.get_float("epsilon", 1e-5))
    return scale, beta - mean * scale


def _scale(builder: Builder, conv: ir.Node, scale: np.ndarray, shift: np.ndarray, bias_name: str) -> None:
    weight = conv.inputs[1]
    bias = conv.inputs[2] if len(conv.inputs) > 2 else None
    assert weight is not None
    assert weight.const_value is not None
    old = weight.const_value.numpy()
    new = (old.astype(np.float64) * scale.reshape(-1, 1, 1, 1)).astype(old.dtype)
    if bias is not None:
        assert bias.const_value is not None
        shift = shift + bias.const_value.numpy().astype(np.float64) * scale
    shared = len(weight.uses()) > 1  # a module called twice, normalised differently each time
    name = f"{weight.name}.{bias_name}" if shared else weight.name or ""
    conv.replace_input_with(1, None)
    if not weight.uses():
        builder.graph.initializers.pop(weight.name or "")
    conv.resize_inputs(3)
    conv.replace_input_with(1, builder.constant(new, name=name))
    conv.replace_input_with(2, builder.constant(shift.astype(old.dtype), name=bias_name))


def _write_out(builder: Builder, node: ir.Node, scale: np.ndarray, shift: np.ndarray) -> None:
    x, name = node.inputs[0], node.outputs[0].name
    assert x is not None
    column = (-1,) + (1,) * ((len(x.shape) if x.shape is not None else 4) - 2)
    factor, term = (
        builder.constant(array.reshape(column).astype(np.float32), name=f"{name}.{what}")
        for array, what in ((scale, "scale"), (shift, "shift"))
    )
    builder.scope = node.name or ""
    product = builder.op("Mul", [x, factor], like=x)
    builder.replace(node, [builder.op("Add", [product, term], like=x)])
