"""Finds the input of an ONNX graph that is the picture, and its layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto
from reverie_gradient import Builder
from reverie_proto.sizes import Size

from reverie_export.errors import BadOption, BadSource
from reverie_export.sources import one_dimension
from reverie_export.sources.guard import quoted

NATIVE_PX = 224  # if neither the file nor the user says
LARGEST_PX = 4096
MOST_CHANNELS = 256
FEW = (1, 3, 4)  # numbers of channels: a last axis of such a size is that of the channels
TO_FIRST, TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


@dataclass(frozen=True)
class Entry:
    """The input that takes the picture."""

    name: str
    layout: str  # "NCHW" or "NHWC"
    channels: int
    size: Size
    stated: str  # its shape as the file states it, for messages

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of one picture, axes in the file's order."""
        c, (h, w) = self.channels, self.size
        return (1, c, h, w) if self.layout == "NCHW" else (1, h, w, c)


def find_entry(graph: GraphProto, *, layout: str | None, channels: int | None, size: Size | None) -> Entry:
    """Find the picture among the inputs; the arguments take precedence over the file.

    Raises BadSource unless there is exactly one input, of four axes and floating-point numbers.
    """
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    listed = ", ".join(f"{quoted(v.name)} {_kind(v)}{_stated(v)}" for v in inputs) or "none"
    if len(inputs) != 1:
        raise BadSource(
            f"it must have one input, the picture; it has {listed}"
            + ("; give the others values with --constant NAME=NUMBER or NAME=FILE.npy" if len(inputs) > 1 else "")
        )
    (value,) = inputs
    tensor = value.type.tensor_type
    dims = [dim.dim_value for dim in tensor.shape.dim]
    if tensor.elem_type == TensorProto.FLOAT and len(dims) == 3:
        raise BadSource(one_dimension.refusal(f"what takes {listed}"))
    if tensor.elem_type != TensorProto.FLOAT or len(dims) != 4:
        raise BadSource(
            f"its input must be a picture of floating-point numbers, [N, C, H, W] or [N, H, W, C]; it has {listed}"
        )
    readers = [node for node in graph.node if value.name in node.input]
    layout = layout or _layout(dims, readers)
    axis, spatial = (1, dims[2:]) if layout == "NCHW" else (3, dims[1:3])
    found = channels or dims[axis] or _channels_read(graph, readers, value.name) or 3
    if dims[axis] not in (0, found):
        raise BadOption(f"--input: pictures of {found} channels, but the network takes {_stated(value)}")
    height, width = native = size or (spatial[0] or spatial[1] or NATIVE_PX, spatial[1] or spatial[0] or NATIVE_PX)
    if not 1 <= found <= MOST_CHANNELS or not (1 <= height <= LARGEST_PX and 1 <= width <= LARGEST_PX):
        raise BadSource(
            f"its input {_stated(value)} is no picture of 1 to {MOST_CHANNELS} channels and at most {LARGEST_PX} pixels"
        )
    return Entry(value.name, layout, found, native, _stated(value))


def fix_shape(graph: GraphProto, entry: Entry) -> None:
    """Fix the shape of the input to one picture, so that all sizes are constant."""
    value = next(v for v in graph.input if v.name == entry.name)
    for dim, n in zip(value.type.tensor_type.shape.dim, entry.shape, strict=True):
        dim.dim_value = n
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")


def channels_first(graph: ir.Graph, entry: Entry) -> None:
    """Change the input of a graph from [N, H, W, C] to [N, C, H, W].

    Most exporters begin such a graph with the inverse of the Transpose that would be added; both are left out then.
    """
    old = graph.inputs[0]
    new = ir.Value(name=f"{entry.name}.channels_first", type=ir.TensorType(ir.DataType.FLOAT))
    new.shape = ir.Shape((1, entry.channels, *entry.size))
    graph.inputs[0] = new
    for node in [user for user, _ in old.uses()]:
        perm = node.attributes.get_ints("perm")
        if node.op_type == "Transpose" and list(perm or ()) == TO_FIRST and not node.outputs[0].is_graph_output():
            ir.convenience.replace_all_uses_with(node.outputs[0], new)
            graph.remove(node, safe=True)
    if old.uses():
        builder = Builder(graph)
        turned = builder.op("Transpose", [new], perm=TO_LAST, name=f"{entry.name}.channels_last")
        turned.shape, turned.dtype = ir.Shape(entry.shape), ir.DataType.FLOAT
        turned.name, old.name = old.name, f"{old.name}.before"
        ir.convenience.replace_all_uses_with(old, turned)
        builder.insert_before(next(iter(graph)))


def _layout(dims: Sequence[int], readers: Sequence[NodeProto]) -> str:
    """Return NHWC if the graph begins with a Transpose from it, or if only the last axis can be channels."""
    if any(n.op_type == "Transpose" and list(_perm(n)) == TO_FIRST for n in readers):
        return "NHWC"
    if any(n.op_type == "Conv" for n in readers):
        return "NCHW"
    return "NHWC" if dims[3] in FEW and dims[1] not in FEW else "NCHW"


def _perm(node: NodeProto) -> Sequence[int]:
    return next((list(a.ints) for a in node.attribute if a.name == "perm"), [])


def _channels_read(graph: GraphProto, readers: Sequence[NodeProto], name: str) -> int:
    """Return how many channels the convolutions that read the input take, 0 if there are none."""
    shapes = {t.name: list(t.dims) for t in graph.initializer} | {
        v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.input
    }
    for node in readers:
        if node.op_type == "Conv" and node.input[0] == name and len(shape := shapes.get(node.input[1], [])) == 4:
            return int(shape[1]) * next((a.i for a in node.attribute if a.name == "group"), 1)
    return 0


def _stated(value: ValueInfoProto) -> str:
    return f"[{', '.join(d.dim_param or str(d.dim_value or '?') for d in value.type.tensor_type.shape.dim)}]"[:80]


def _kind(value: ValueInfoProto) -> str:
    names = {number: name.lower() for name, number in TensorProto.DataType.items()}
    kind = value.type.tensor_type.elem_type
    return "" if kind == TensorProto.FLOAT else f"of {names.get(kind, 'unknown')} "
