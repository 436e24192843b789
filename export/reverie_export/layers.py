"""Finds the layers of a network, their names and their properties."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_export.aliases import vgg_names, without_wrapper
from reverie_export.arrangement import UNCHANGED, Arrangement, FirstToken, Head, Tokens, arrangements, is_linear
from reverie_export.errors import NoLayers, UnknownLayer, nearest
from reverie_export.geometry import Fields, Geometry, Sizes, valid_sizes
from reverie_export.normalise import Names

CONVOLUTIONS = frozenset(("Conv", "ConvTranspose"))
LINEAR = frozenset(("Gemm", "MatMul"))
ACTIVATIONS = frozenset(
    """Celu Clip Elu Gelu HardSigmoid HardSwish LeakyRelu Mish PRelu Relu Selu Sigmoid Softplus Softsign Tanh
    ThresholdedRelu""".split()  # noqa: SIM905 - as a table
)
POOLS = frozenset(("AveragePool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool"))
NORMS = frozenset(
    "GroupNormalization InstanceNormalization LayerNormalization LRN RMSNormalization".split()  # noqa: SIM905
)
SUMS = frozenset(("Add", "Sum"))  # of two values that depend on the picture, like the other joins
JOINS = SUMS | {"Concat", "Mul"}
KINDS = {
    **dict.fromkeys(CONVOLUTIONS, "convolution"),
    **dict.fromkeys(LINEAR, "linear"),
    **dict.fromkeys(ACTIVATIONS, "activation"),
    **dict.fromkeys(NORMS, "normalisation"),
    **dict.fromkeys(POOLS, "pooling"),
    **dict.fromkeys(SUMS, "sum"),
    "Concat": "concatenation",
    "Mul": "product",
}
RECOMMENDED = frozenset(("convolution", "linear", "sum", "concatenation"))
REARRANGING = frozenset(("Gather", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"))

FIRST = "token0"  # the end of the name of a layer that is the first token of another

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
    stride: Size
    receptive_field: Size  # 0 for the whole height or width
    sizes: Sizes
    preactivation: str = ""  # of a Relu: the name of the layer it is applied to
    kind: str = ""  # one of KINDS
    recommended: bool = False
    arrangement: Arrangement = UNCHANGED
    head: Head | None = None  # of a layer that is appended to the network's own

    @property
    def file(self) -> str:
        """Name of the layer's graph in the model folder."""
        return _file(self.name)


def find_targets(graph: ir.Graph, names: Names, native: Size) -> dict[str, Target]:
    """Return all layers of ``graph`` by name, from the picture upwards.

    Convolutions and linear maps, activations, normalisations, poolings and joins whose value is [N, C] or has features
    and positions, [N, C, h, w], [N, h, w, C] or tokens [N, T, C]; the input of a Relu is always one. If ``names`` has
    any value, only values that it names are layers.
    """
    geometry = Geometry(graph)
    fields, shapes = geometry.fields(native), geometry.shapes(1, *native)
    # What the trace says of values that cannot be computed is a guess of ONNX's shape inference.
    impossible = geometry.contradictions(1, *native)
    traced = {n: s for n, value in _values(graph).items() if n not in impossible and (s := _traced_shape(value))}
    shapes = traced | shapes
    arranged = arrangements(graph, shapes)
    valid = valid_sizes(
        geometry,
        native,
        (max(4 * native[0], 256), max(4 * native[1], 256)),
        {name: arrangement.shape for name, arrangement in arranged.items() if not isinstance(arrangement, Tokens)},
    )
    before_relu = {node.inputs[0].name for node in graph if node.op_type == "Relu" and node.inputs[0] is not None}

    targets: dict[str, Target] = {}
    by_value: dict[str, str] = {}
    for node in graph:
        value = node.outputs[0].name or ""
        field, arrangement = fields.get(value), arranged.get(value)
        if field is None or arrangement is None or shapes[value][0] != 1 or value in impossible:
            continue
        wanted = _is_layer(node, fields) and (not names or value in names)
        if not wanted and value not in before_relu:
            continue
        shape = arrangement.shape(shapes[value])
        name, *aliases = names.get(value) or (value,)
        kind = _kind(node)
        target = Target(
            value=value,
            name=_unique(name, targets),
            aliases=tuple(dict.fromkeys(a for a in aliases if a != name)),
            operator=node.op_type,
            channels=shape[1],
            spatial=len(shape) == 4,
            stride=_stride(field, arrangement, shape, native),
            receptive_field=_receptive_field(field),
            sizes=valid.get(value, Sizes.fixed(native)),  # tokens have the grid of the native size only
            kind=kind,
            recommended=kind in RECOMMENDED and _has_positions(shape) and not _is_only_rearranged(node),
            arrangement=arrangement,
        )
        if node.op_type == "Relu" and node.inputs[0] is not None:
            target = replace(target, preactivation=by_value.get(node.inputs[0].name or "", ""))
        targets[target.name] = target
        by_value[value] = target.name
        if _has_first_token(target, node):
            first = replace(_first_token(target), name=_unique(f"{target.name}/{FIRST}", targets))
            targets[first.name] = first
    if not targets:
        raise NoLayers(f"none of the {len(graph)} operators of the network gives a layer that can be exported")
    return _with_more_aliases(targets, graph)


def _has_first_token(target: Target, node: ir.Node) -> bool:
    """Whether the first token is worth a layer: it stands before a grid, in the residual stream or where it is read."""
    row = target.arrangement
    if not isinstance(row, Tokens) or not row.last or not row.before or row.width == 1:
        return False
    read = any(use.node.op_type in ("Gather", "Slice") for use in node.outputs[0].uses())
    return (target.kind == "sum" and target.recommended) or (target.kind == "normalisation" and read)


def _first_token(row: Target) -> Target:
    """Return the layer of the first token of a row: of the whole picture, without positions."""
    return replace(
        row,
        aliases=tuple(f"{alias}/{FIRST}" for alias in row.aliases),
        spatial=False,
        stride=(0, 0),
        receptive_field=(0, 0),
        recommended=True,
        arrangement=FirstToken(),
    )


def _with_more_aliases(targets: Mapping[str, Target], graph: ir.Graph) -> dict[str, Target]:
    """Return the layers with the names that others may know them by, each of which stands for one layer."""
    known = {name for target in targets.values() for name in (target.name, *target.aliases)}
    found = dict(targets)
    plain, vgg = without_wrapper(list(targets)), vgg_names(graph)
    for more in ({t.name: vgg.get(t.value, "") for t in targets.values()}, plain):
        for name, alias in more.items():
            if alias and alias not in known:
                known.add(alias)
                found[name] = replace(found[name], aliases=(*found[name].aliases, alias))
    return found


def _values(graph: ir.Graph) -> Mapping[str, ir.Value]:
    return ir.convenience.create_value_mapping(graph, include_subgraphs=False)


def _stride(traced: Fields, arrangement: Arrangement, shape: Sequence[int], native: Size) -> Size:
    """Return the distance of neighbouring positions in pixels, 0 if they are not positions of the picture."""
    if len(shape) == 2 or (isinstance(arrangement, Tokens) and arrangement.width == 1):
        return 0, 0
    down, across = (
        math.ceil(field.stride) or (side // count if count > 1 else 0)
        for field, side, count in zip(traced, native, shape[2:], strict=True)
    )
    return down, across


def _receptive_field(traced: Fields) -> Size:
    height, width = (math.ceil(field.size) if math.isfinite(field.size) else 0 for field in traced)
    return height, width


def _kind(node: ir.Node) -> str:
    return "linear" if _is_bias(node) else KINDS.get(node.op_type, "value")


def _has_positions(shape: Sequence[int]) -> bool:
    """Whether the layer has positions, or is [N, C]: not the squeezed vector of a channel gate."""
    return len(shape) == 2 or shape[2] * shape[3] > 1


def _is_only_rearranged(node: ir.Node) -> bool:
    """Whether the result is only rearranged, as queries, keys and values are."""
    uses = [use.node.op_type for use in node.outputs[0].uses()]
    return bool(uses) and len(node.outputs[0].shape or ()) == 3 and REARRANGING.issuperset(uses)


def _traced_shape(value: ir.Value) -> tuple[int, ...] | None:
    """Return the shape of the value for the picture that the network was traced with."""
    return tuple(value.shape.numpy()) if value.shape is not None and value.shape.is_static() else None


def _file(name: str) -> str:
    return f"{UNSAFE.sub('_', name)}.onnx"


def _unique(name: str, targets: Mapping[str, Target]) -> str:
    """Return the name, changed so that file names differ even on a case-insensitive file system."""
    files = {target.file.lower() for target in targets.values()}
    while name in targets or _file(name).lower() in files:
        name += "_"
    return name


def choose(targets: Mapping[str, Target], wanted: Sequence[str]) -> dict[str, Target]:
    """Return the layers named in ``wanted`` (names or aliases; none means all)."""
    if not wanted:
        return dict(targets)
    by_name = {alias: t.name for t in targets.values() for alias in t.aliases} | {name: name for name in targets}
    if unknown := [name for name in wanted if name not in by_name]:
        raise UnknownLayer(
            "; ".join(f"the network has no layer {name!r}{nearest(name, by_name)}" for name in unknown)
            + f" (it has {len(targets)}, from {next(iter(targets))} to {list(targets)[-1]})"
        )
    chosen = {by_name[name] for name in wanted}
    return {name: target for name, target in targets.items() if name in chosen}


def _is_layer(node: ir.Node, fields: Mapping[str, object]) -> bool:
    if node.op_type in JOINS:
        varying = [v for v in node.inputs if v is not None and v.name in fields]
        return len(varying) > 1 or _is_bias(node)
    if node.op_type == "MatMul":
        return is_linear(node) and not _has_bias(node)
    return node.op_type in KINDS


def _is_bias(node: ir.Node) -> bool:
    """Whether an Add completes a linear map that is written as MatMul + Add."""
    if node.op_type != "Add":
        return False
    producers = [v.producer() for v in node.inputs if v is not None and not v.is_initializer()]
    return len(producers) == 1 and producers[0] is not None and producers[0].op_type == "MatMul"


def _has_bias(node: ir.Node) -> bool:
    return any(_is_bias(use.node) for use in node.outputs[0].uses())
