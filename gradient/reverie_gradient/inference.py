"""Infers types and shapes of values, also where they follow from numbers that the graph computes on its way.

onnx's own inference comes first. It does not follow shapes through every chain of nodes, so nodes whose results are
still not known are inferred one by one, with the numbers that `known` works out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass

from reverie_gradient.known import Dim, Elements, Known
from reverie_gradient.nodes import inputs_of

Dims = Sequence[Dim]

# Of these, ONNX infers no shape, or only in some versions.
KEEPS_SHAPE = frozenset({"GroupNormalization", "MeanVarianceNormalization"})

# Inputs whose numbers, not only their shapes, determine the shape of a result.
SHAPING: Mapping[str, tuple[int, ...]] = {
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "ConstantOfShape": (0,),
    "DFT": (1, 2),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "MaxUnpool": (2,),
    "MelWeightMatrix": (0, 1),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (2, 3),
    "STFT": (1, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
    **dict.fromkeys(
        (
            *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin"),
            *("ReduceProd", "ReduceSum", "ReduceSumSquare"),
        ),
        (1,),
    ),
}


def infer_shapes(graph: ir.Graph) -> Known:
    """Infer the types and shapes of values that do not state them; return what is known of values.

    Args:
        graph: Sorted. Values that have a type and a shape keep them; sizes that are missing are filled in.
    """
    if any(v.shape is None or v.dtype is None for node in graph for v in node.outputs if v.name):
        ShapeInferencePass(check_type=False, strict_mode=False)(ir.Model(graph, ir_version=10))
    known, opset = Known(graph), graph.opset_imports.get("", 0)
    changed: set[ir.Value] = set()
    for node in graph:
        if _is_settled(node) and changed.isdisjoint(node.inputs):
            continue
        for value, (dtype, dims) in zip(node.outputs, _results(node, known, opset), strict=False):
            if _refine(value, dtype, dims):
                changed.add(value)
    return known


def why_unknown(value: ir.Value) -> str:
    """Return where it begins that the shape of ``value`` is not known, and what to do, as the end of a sentence."""
    shaping: set[ir.Value | None] = set()
    while (node := value.producer()) is not None:
        shaping = {_input(node, i) for i in SHAPING.get(node.op_type, ())}
        unknown = [v for v in inputs_of(node) if v.shape is None and v.const_value is None and v not in shaping]
        if not unknown:
            break
        value = unknown[0]
    if node is None:
        return f"the input {value.name!r} declares no shape; declare it, with names for free sizes: [N, 3, H, W]"
    name = node.name or value.name or ""
    operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"
    if names := [v.name for v in node.inputs if v is not None and v in shaping]:
        values = " and ".join(map(repr, names))
        return f"{operator} {name!r} takes it from {values}, computed at run time; make that a constant"
    return f"that of the result of {operator} {name!r} cannot be inferred; declare the shape of {value.name!r}"


def _is_settled(node: ir.Node) -> bool:
    """Whether nothing more can be found out about the results of ``node``."""
    if node.domain not in ("", "ai.onnx") or node.op_type == "Constant":
        return True
    if any(v.dtype is None or (dims := _dims(v)) is None or None in dims for v in node.outputs):
        return False
    return node.op_type not in SHAPING or all(v.shape is not None and v.shape.is_static() for v in node.outputs)


def _results(node: ir.Node, known: Known, opset: int) -> Sequence[tuple[ir.DataType | None, Dims | None]]:
    """Return the type and the sizes of each result of ``node``, None where they cannot be inferred."""
    numbers = {i: known.elements(v) for i in SHAPING.get(node.op_type, ()) if (v := _input(node, i)) is not None}
    found = _by_onnx(node, numbers, opset)
    x = _input(node, 0)
    if node.op_type in KEEPS_SHAPE and x is not None and x.shape is not None:
        found = [(x.dtype, _dims(x))]
    rule, dims = PARTLY_KNOWN.get(node.op_type), _dims(x)
    if rule is None:
        return found
    try:
        more = rule(node, dims, {i: e for i, e in numbers.items() if e is not None})
    except (ArithmeticError, LookupError, ValueError):  # a node that contradicts itself, which its rule reports
        more = None
    types = [t for t, _ in found] or [v.dtype or (x.dtype if x is not None else None) for v in node.outputs]
    before = [d for _, d in found] or [None] * len(types)
    return [(t, _joined(d, m)) for t, d, m in zip(types, before, more or before, strict=False)]


def _by_onnx(
    node: ir.Node, numbers: Mapping[int, Elements | None], opset: int
) -> list[tuple[ir.DataType | None, Dims | None]]:
    try:
        schema: Any = onnx.defs.get_schema(node.op_type, opset)
        proto = ir.to_proto(node)
        types = {v.name: _type(v) for v in inputs_of(node) if v.name}
        data = {
            proto.input[i]: onnx.numpy_helper.from_array(e.numbers, proto.input[i])
            for i, e in numbers.items()
            if e is not None and e.complete
        }
        imports = [onnx.helper.make_opsetid("", opset)]
        inferred = onnx.shape_inference.infer_node_outputs(schema, proto, types, data, opset_imports=imports)
    except Exception:  # a type that is not known, or a node that contradicts itself, which its rule reports
        return []
    return [_described(inferred.get(name)) for name in proto.output]


def _described(proto: onnx.TypeProto | None) -> tuple[ir.DataType | None, Dims | None]:
    if proto is None or not proto.HasField("tensor_type"):
        return None, None
    tensor = proto.tensor_type
    dtype = ir.DataType(tensor.elem_type) if tensor.elem_type else None
    if not tensor.HasField("shape"):
        return dtype, None
    return dtype, [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in tensor.shape.dim]


def _refine(value: ir.Value, dtype: ir.DataType | None, dims: Dims | None) -> bool:
    """Add what was found to what ``value`` states; return whether anything is new."""
    before, old = value.dtype, _dims(value)
    if value.dtype is None and dtype is not None:
        value.dtype = dtype
    sizes = None if dims is None else [None if isinstance(d, int) and d < 0 else d for d in dims]
    joined = _joined(old, sizes)
    if joined is not None and joined != old:
        value.shape = ir.Shape(joined)
    return value.dtype != before or joined != old


def _joined(dims: Dims | None, others: Dims | None) -> Dims | None:
    """Return the sizes of the first, or where it does not know numbers, those of the second."""
    if dims is None or others is None or len(dims) != len(others):
        return others if dims is None else dims
    return [b if (b is not None and a is None) or (isinstance(b, int) and isinstance(a, str)) else a
            for a, b in zip(dims, others, strict=True)]  # fmt: skip


def _dims(value: ir.Value | None) -> list[Dim] | None:
    if value is None or value.shape is None:
        return None
    return [d if isinstance(d, int) else d.value for d in value.shape]


def _input(node: ir.Node, index: int) -> ir.Value | None:
    return node.inputs[index] if index < len(node.inputs) else None


def _type(value: ir.Value) -> onnx.TypeProto:
    proto = onnx.TypeProto()
    if value.type is not None:
        proto.CopyFrom(ir.to_proto(value).type)
    return proto


# ----- shapes from numbers of which some are not known -----

Given = Mapping[int, Elements]


def _reshape(node: ir.Node, x: Dims | None, given: Given) -> list[Dims] | None:
    """Copy the sizes that are 0, and divide for the -1, as far as sizes cancel."""
    if 1 not in given or given[1].numbers.ndim != 1:
        return None
    target = given[1].dims
    if x is not None and not node.attributes.get_int("allowzero", 0):
        target = [x[i] if n == 0 and i < len(x) else n for i, n in enumerate(target)]
    if target.count(-1) == 1:
        rest = None if x is None else _quotient(x, [n for n in target if n != -1])
        target = [rest if n == -1 else n for n in target]
    return [target]


def _quotient(dims: Dims, divisors: Dims) -> Dim:
    """Return the product of ``dims`` over that of ``divisors`` if it is one number, or one size by its name."""
    if None in dims or None in divisors:
        return None
    names = [d for d in dims if isinstance(d, str)]
    for name in (d for d in divisors if isinstance(d, str)):
        if name not in names:
            return None
        names.remove(name)
    above, below = (prod(d for d in some if isinstance(d, int)) for some in (dims, divisors))
    if not names:
        return above // below if below and above % below == 0 else None
    return names[0] if len(names) == 1 and above == below else None


def _expand(node: ir.Node, x: Dims | None, given: Given) -> list[Dims] | None:
    if 1 not in given or x is None:
        return None
    target = given[1].dims
    rank = max(len(x), len(target))
    pairs = zip([1] * (rank - len(x)) + list(x), [1] * (rank - len(target)) + target, strict=True)
    return [[_wider(a, b) for a, b in pairs]]


def _wider(a: Dim, b: Dim) -> Dim:
    if a == b or b == 1:
        return a
    if a == 1:
        return b
    return next((n for n in (a, b) if isinstance(n, int)), None)  # a number above 1 is what the other one must be


def _constant_of_shape(node: ir.Node, x: Dims | None, given: Given) -> list[Dims] | None:
    return [given[0].dims] if 0 in given else None


def _tile(node: ir.Node, x: Dims | None, given: Given) -> list[Dims] | None:
    if 1 not in given or x is None:
        return None
    return [[_times(n, times) for n, times in zip(x, given[1].dims, strict=False)]]


def _times(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    return a if b == 1 else b if a == 1 else None


def _resize(node: ir.Node, x: Dims | None, given: Given) -> list[Dims] | None:
    if 3 not in given or node.attributes.get_string("keep_aspect_ratio_policy", "stretch") != "stretch":
        return None
    axes = node.attributes.get_ints("axes")
    if axes is None:
        return [given[3].dims]
    if x is None:
        return None
    dims = list(x)
    for axis, n in zip(axes, given[3].dims, strict=False):
        dims[axis] = n
    return [dims]


def _slice(node: ir.Node, x: Dims | None, given: Given) -> list[Dims] | None:
    """Keep the sizes of the axes that are not sliced."""
    if x is None or 1 not in given or (_input(node, 3) is not None and not (3 in given and given[3].complete)):
        return None
    axes = given[3].numbers.reshape(-1) if 3 in given else np.arange(given[1].numbers.size)
    on = {int(axis) % len(x) for axis in axes}
    return [[None if i in on else n for i, n in enumerate(x)]]


def _pad(node: ir.Node, x: Dims | None, given: Given) -> list[Dims] | None:
    if x is None or 1 not in given or (_input(node, 3) is not None and not (3 in given and given[3].complete)):
        return None
    axes = given[3].numbers.reshape(-1) if 3 in given else np.arange(len(x))
    pads, dims = given[1].dims, list(x)
    for i, axis in enumerate(int(a) % len(x) for a in axes):
        n, before, after = dims[axis], pads[i], pads[i + len(axes)]
        both = before + after if isinstance(before, int) and isinstance(after, int) else None
        dims[axis] = n + both if isinstance(n, int) and both is not None else n if both == 0 else None
    return [dims]


def _split(node: ir.Node, x: Dims | None, given: Given) -> list[Dims] | None:
    if x is None or 1 not in given or given[1].numbers.size != len(node.outputs):
        return None
    axis = node.attributes.get_int("axis", 0) % len(x)
    return [[*x[:axis], n, *x[axis + 1 :]] for n in given[1].dims]


PARTLY_KNOWN: Mapping[str, Callable[[ir.Node, Dims | None, Given], list[Dims] | None]] = {
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "Pad": _pad,
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": _slice,
    "Split": _split,
    "Tile": _tile,
}
