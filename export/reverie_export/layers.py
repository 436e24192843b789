"""Which values of a network are layers, what they are called, and what is known about each."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from reverie_export.errors import NoLayers, UnknownLayer, nearest
from reverie_export.geometry import Geometry, Sizes, regular
from reverie_export.normalise import Names

LINEAR = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul"))
ACTIVATIONS = frozenset(
    """Celu Clip Elu Gelu HardSigmoid HardSwish LeakyRelu Mish PRelu Relu Selu Sigmoid Softplus Softsign Tanh
    ThresholdedRelu""".split()  # noqa: SIM905 - as a table
)
POOLS = frozenset(("AveragePool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool"))
JOINS = frozenset(("Add", "Concat", "Mul", "Sum"))  # of two values that depend on the picture

# Layer files are named after layers, on every file system.
UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class Target:
    """A layer that can be exported."""

    value: str  # in the normalised graph
    name: str
    aliases: tuple[str, ...]
    operator: str
    channels: int
    spatial: bool
    stride_px: int
    receptive_field_px: int
    sizes: Sizes
    preactivation: str = ""  # of a Relu: the name of the layer it is applied to

    @property
    def file(self) -> str:
        """Name of the layer's graph in the model folder."""
        return _file(self.name)


def find_targets(graph: ir.Graph, names: Names, native: int) -> dict[str, Target]:
    """All layers of ``graph`` by name, from the picture upwards.

    Convolutions and linear maps, activations, poolings and joins whose value is [N, C, h, w] or [N, C]; what a Relu is
    applied to always is one. Where ``names`` knows any value, only values that it names are layers.
    """
    limit = max(4 * native, 256)
    geometry = Geometry(graph)
    valid, fields, shapes = geometry.valid_sizes(limit), geometry.fields(native), geometry.shapes(1, native, native)
    before_relu = {node.inputs[0].name for node in graph if node.op_type == "Relu" and node.inputs[0] is not None}

    targets: dict[str, Target] = {}
    by_value: dict[str, str] = {}
    for node in graph:
        value = node.outputs[0].name or ""
        field = fields.get(value)
        shape = shapes.get(value) or _traced_shape(node.outputs[0])
        if field is None or shape is None or len(shape) not in (2, 4) or shape[0] != 1:
            continue
        wanted = _is_layer(node, fields) and (not names or value in names)
        if not wanted and value not in before_relu:
            continue
        name, *aliases = names.get(value) or (value,)
        target = Target(
            value=value,
            name=_free(name, targets),
            aliases=tuple(dict.fromkeys(a for a in aliases if a != name)),
            operator=node.op_type,
            channels=shape[1],
            spatial=len(shape) == 4,
            stride_px=math.ceil(field.stride) if len(shape) == 4 else 0,
            receptive_field_px=math.ceil(field.size) if math.isfinite(field.size) else 0,
            sizes=regular(valid[value], native, limit) if value in valid else Sizes(native, native, only=True),
        )
        if node.op_type == "Relu" and node.inputs[0] is not None:
            target = replace(target, preactivation=by_value.get(node.inputs[0].name or "", ""))
        targets[target.name] = target
        by_value[value] = target.name
    if not targets:
        raise NoLayers(f"none of the {len(graph)} operators of the network gives a layer that can be exported")
    return targets


def _traced_shape(value: ir.Value) -> tuple[int, ...] | None:
    """The shape of the value for the picture that the network was traced with."""
    return tuple(value.shape.numpy()) if value.shape is not None and value.shape.is_static() else None


def _file(name: str) -> str:
    return f"{UNSAFE.sub('_', name)}.onnx"


def _free(name: str, targets: Mapping[str, Target]) -> str:
    """The name, made to differ from all others even as a file's on a system that knows no capitals."""
    files = {target.file.lower() for target in targets.values()}
    while name in targets or _file(name).lower() in files:
        name += "_"
    return name


def choose(targets: Mapping[str, Target], wanted: Sequence[str]) -> dict[str, Target]:
    """The layers named in ``wanted`` (names or aliases; none means all) and what their Relus are applied to."""
    if not wanted:
        return dict(targets)
    by_name = {alias: t.name for t in targets.values() for alias in t.aliases} | {name: name for name in targets}
    if unknown := [name for name in wanted if name not in by_name]:
        raise UnknownLayer(
            "; ".join(f"the network has no layer {name!r}{nearest(name, by_name)}" for name in unknown)
            + f" (it has {len(targets)}, from {next(iter(targets))} to {list(targets)[-1]})"
        )
    chosen = {by_name[name] for name in wanted}
    chosen |= {targets[name].preactivation for name in chosen} - {""}
    return {name: target for name, target in targets.items() if name in chosen}


def _is_layer(node: ir.Node, fields: Mapping[str, object]) -> bool:
    if node.op_type in JOINS:
        moving = [v for v in node.inputs if v is not None and v.name in fields]
        return len(moving) > 1 or _is_bias(node)
    return node.op_type in LINEAR or node.op_type in ACTIVATIONS or node.op_type in POOLS


def _is_bias(node: ir.Node) -> bool:
    """Whether an Add completes a linear map that older exporters write as MatMul + Add."""
    producers = [v.producer() for v in node.inputs if v is not None]
    return node.op_type == "Add" and any(p is not None and p.op_type == "MatMul" for p in producers)
