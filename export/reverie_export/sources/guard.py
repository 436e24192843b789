"""Validates an ONNX file before native code reads it: sizes, references, order, weights.

The libraries that check and convert graphs are written in C++ and trust their input. Their assumptions are checked here
first, in Python: every name is defined once and before its use, every tensor has the bytes that its shape asks for, and
external data is in the folder of the file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, defs, helper

from reverie_export.errors import BadSource, nearest

OLDEST_OPSET = 7
LARGEST_FILE = 2**31 - 1  # bytes: protobuf reads no more; larger networks keep their weights in external data
LARGEST_TENSOR = 2**31 - 1  # bytes
MOST_NODES = 50_000
DEEPEST = 8  # graphs inside graphs
STANDARD = ("", "ai.onnx")

# Attributes that hold a type: of Cast, RandomNormal and the like, QuantizeLinear, Attention.
TYPES = ("to", "dtype", "output_dtype", "softmax_precision", "stash_type")


def read_model(path: Path) -> ModelProto:
    """Read ``path`` and check its structure; external data is checked but not read.

    Raises BadSource, with one sentence, if anything is wrong with the file.
    """
    if not path.is_file():
        siblings = [p.name for p in path.parent.glob("*.onnx")] if path.parent.is_dir() else []
        raise BadSource(f"no file {path}{nearest(path.name, siblings)}")
    if (size := path.stat().st_size) > LARGEST_FILE:
        raise BadSource(
            f"cannot read {path}: it has {size / 1e9:.1f} GB and protobuf reads 2 GB; save the weights as external data"
        )
    try:
        model = ModelProto.FromString(path.read_bytes())
    except (DecodeError, OSError) as e:
        raise BadSource(f"cannot read {path}: it is truncated or not an ONNX file") from e
    try:
        _check(model, path.parent)
    except BadSource as e:
        raise BadSource(f"cannot read {path}: {e}") from e
    return model


def opset_of(model: ModelProto) -> int:
    """Return the version of the standard operators that the model uses, 0 if it states none."""
    return max((i.version for i in model.opset_import if i.domain in STANDARD), default=0)


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    """Yield the bodies of an If, Loop or Scan."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def all_nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Yield the nodes and those in their bodies."""
    for node in nodes:
        yield node
        for graph in subgraphs(node):
            yield from all_nodes(graph.node)


def external_data(tensor: TensorProto) -> Mapping[str, str]:
    """Return the ``location``, ``offset`` and ``length`` of a tensor of external data, as stated."""
    return {entry.key: entry.value for entry in tensor.external_data}


def location_of(tensor: TensorProto) -> tuple[str, int, int]:
    """Return file, first byte and number of bytes of external data; raises BadSource if they are not numbers."""
    stated = external_data(tensor)
    location, needed = stated.get("location", ""), size_bytes(tensor)
    numbers = stated.get("offset", "0"), stated.get("length", str(needed))
    if not all(n.isascii() and n.isdecimal() and len(n) < 16 for n in numbers):
        raise BadSource(f"the external data of {quoted(tensor.name)} has offset and length {numbers}")
    return location, int(numbers[0]), int(numbers[1])


def size_bytes(tensor: TensorProto) -> int:
    """Return how many bytes a tensor of this shape and type has."""
    bits = ITEM_BITS.get(tensor.data_type)
    if bits is None:
        raise BadSource(f"{quoted(tensor.name)} is a tensor of the unknown type {tensor.data_type}")
    if any(n < 0 for n in tensor.dims) or len(tensor.dims) > 16:
        raise BadSource(f"{quoted(tensor.name)} has the impossible shape {list(tensor.dims)[:16]}")
    size = (math.prod(tensor.dims) * bits + 7) // 8
    if size > LARGEST_TENSOR:
        raise BadSource(
            f"{quoted(tensor.name)} declares the shape {list(tensor.dims)}, {size / 1e9:.1f} GB; 2 GB is the limit"
        )
    return size


def quoted(name: str) -> str:
    """Return a name of the file for a message: quoted, shortened, without control characters."""
    return repr(name if len(name) <= 80 else f"{name[:77]}...")


def _item_bits() -> dict[int, int]:
    packed = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2}
    return {
        kind: packed.get(name) or 8 * helper.tensor_dtype_to_np_dtype(kind).itemsize
        for name, kind in TensorProto.DataType.items()
        if name not in ("UNDEFINED", "STRING")
    }


ITEM_BITS = _item_bits()
KINDS = frozenset(TensorProto.DataType.values())


@dataclass(frozen=True)
class _Scope:
    """A graph or function whose nodes are checked."""

    kind: str  # "graph" or "function"
    name: str
    depth: int = 0
    in_function: bool = False  # so that attributes of its nodes may stand for those of the function

    def __str__(self) -> str:
        return f"{self.kind} {quoted(self.name)}"


def _check(model: ModelProto, folder: Path) -> None:
    if not model.graph.node:
        raise BadSource("it holds no graph, or a graph without operators")
    if not 3 <= model.ir_version <= onnx.IR_VERSION:
        raise BadSource(f"its ir_version is {model.ir_version}; onnx {onnx.__version__} reads 3 to {onnx.IR_VERSION}")
    opset, newest = opset_of(model), defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise BadSource(f"its opset is {opset}; {OLDEST_OPSET} to {newest} are read")
    if model.graph.sparse_initializer:
        raise BadSource(
            f"its weight {quoted(model.graph.sparse_initializer[0].values.name)} is sparse; store it densely"
        )
    imported = {i.domain for i in model.opset_import} | set(STANDARD)
    for node in all_nodes(model.graph.node):
        if node.domain not in imported:
            raise BadSource(f"{node.op_type} is of the domain {quoted(node.domain)}, which the file does not import")
    for function in model.functions:
        scope = _Scope("function", function.name, depth=1, in_function=True)
        _check_order(function.node, set(function.input), scope, folder)
    _check_calls(model)
    _check_graph(model.graph, set(), _Scope("graph", model.graph.name), folder)


def _check_graph(graph: GraphProto, outside: set[str], scope: _Scope, folder: Path) -> None:
    if scope.depth > DEEPEST:
        raise BadSource(f"its graphs are nested more than {DEEPEST} deep")
    for tensor in graph.initializer:
        _check_tensor(tensor, folder)
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.HasField("tensor_type") and (kind := value.type.tensor_type.elem_type) not in KINDS:
            raise BadSource(f"{quoted(value.name)} is of the unknown type {kind}")
    weights = [tensor.name for tensor in graph.initializer]
    inputs = [value.name for value in graph.input]
    for names, what in ((weights, "weights"), (inputs, "inputs")):
        if twice := next((n for n in names if names.count(n) > 1), None) if len(set(names)) < len(names) else None:
            raise BadSource(f"two of its {what} are called {quoted(twice)}")
    own = {*weights, *inputs}
    known = _check_order(graph.node, outside | own, scope, folder, own)
    for value in graph.output:
        if value.name not in known:
            raise BadSource(f"nothing computes its output {quoted(value.name)}")
        if any(given.name == value.name and given.type != value.type for given in graph.input):
            raise BadSource(f"{quoted(value.name)} is an input and an output of its {scope}, of two types")
    if scope.depth == 0 and not graph.output:
        raise BadSource("it has no outputs")


def _check_order(
    nodes: Sequence[NodeProto], known: set[str], scope: _Scope, folder: Path, own: set[str] | None = None
) -> set[str]:
    """Check that every value is computed once and before it is used; return all that are known in the end."""
    known, made = set(known), set(own if own is not None else known)
    later = {name for node in nodes for name in node.output if name}
    for node in nodes:
        for name in node.input:
            if name and name not in known:
                reader = quoted(node.name or (node.output[0] if node.output else ""))
                problem = f"{node.op_type} {reader} of its {scope}"
                if name in later:
                    raise BadSource(f"{problem} uses {quoted(name)} before it is computed: a cycle, or not sorted")
                raise BadSource(f"{problem} uses {quoted(name)}, which nothing computes")
        for attribute in node.attribute:
            if attribute.ref_attr_name and not scope.in_function:
                raise BadSource(f"{node.op_type} {quoted(node.name)} refers to an attribute of a function it is not in")
            if attribute.name in TYPES and attribute.type == AttributeProto.INT and attribute.i not in KINDS:
                raise BadSource(f"{node.op_type} {quoted(node.name)} is of the unknown type {attribute.i}")
            for tensor in (*([attribute.t] if attribute.type == AttributeProto.TENSOR else []), *attribute.tensors):
                _check_tensor(tensor, folder)
            if attribute.type in (AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS):
                raise BadSource(f"{node.op_type} {quoted(node.name)} holds a sparse tensor; store it densely")
        for graph in subgraphs(node):
            _check_graph(graph, known, _Scope("graph", graph.name, scope.depth + 1, scope.in_function), folder)
        for name in node.output:
            if name and name in made:
                raise BadSource(f"{quoted(name)} is computed twice in its {scope}")
            if name:
                made.add(name)
                known.add(name)
    return known


def _check_calls(model: ModelProto) -> None:
    """Check that functions do not call themselves, directly or not, and that inlining them gives not too many nodes."""
    bodies = {(f.domain, f.name): [*all_nodes(f.node)] for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: Iterable[NodeProto]) -> int | None:
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            if key in bodies and key not in sizes:
                return None
            total += sizes.get(key, 1)
        return total

    while len(sizes) < len(bodies):
        found = {key: n for key in bodies.keys() - sizes.keys() if (n := size(bodies[key])) is not None}
        if not found:
            raise BadSource(f"its function {quoted(next(iter(bodies.keys() - sizes.keys()))[1])} calls itself")
        sizes |= found
    if (total := size(all_nodes(model.graph.node)) or 0) > MOST_NODES:
        raise BadSource(f"it has {total} operators when its functions are written out; {MOST_NODES} is the limit")


def _check_tensor(tensor: TensorProto, folder: Path) -> None:
    if tensor.data_type == TensorProto.STRING:
        return
    needed = size_bytes(tensor)
    if tensor.data_location == TensorProto.EXTERNAL:
        _check_place(tensor, folder, needed)
        return
    if tensor.HasField("raw_data"):
        held = len(tensor.raw_data)
        if held != needed:
            raise BadSource(
                f"{quoted(tensor.name)} has {held} bytes, and its shape {list(tensor.dims)} asks for {needed}"
            )
        return
    field = helper.tensor_dtype_to_field(tensor.data_type)
    numbers, wanted = len(getattr(tensor, field)), math.prod(tensor.dims)
    if ITEM_BITS[tensor.data_type] < 8:
        wanted = needed
    elif tensor.data_type in (TensorProto.COMPLEX64, TensorProto.COMPLEX128):
        wanted *= 2
    if numbers != wanted:
        raise BadSource(
            f"{quoted(tensor.name)} has {numbers} numbers, and its shape {list(tensor.dims)} asks for {wanted}"
        )


def _check_place(tensor: TensorProto, folder: Path, needed: int) -> None:
    location, offset, length = location_of(tensor)
    name = quoted(tensor.name)
    path = folder / location
    if not location or "\0" in location or os.path.isabs(location) or ".." in Path(location).parts:
        raise BadSource(f"the external data of {name} is at {quoted(location)}; it must lie in the folder of the file")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadSource(f"the external data of {name} is at {quoted(location)}, a link that leads out of the folder")
    if not path.is_file():
        raise BadSource(f"the external data of {name} is missing: there is no file {path}")
    if length != needed:
        raise BadSource(f"the external data of {name} has {length} bytes, and its shape asks for {needed}")
    if offset + length > path.stat().st_size:
        end = offset + length
        raise BadSource(f"the external data of {name} ends at byte {end}; {path} has {path.stat().st_size}")
