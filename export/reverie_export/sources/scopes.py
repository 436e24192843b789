"""Reads which module of the network each operator of an .onnx file belongs to, from what its exporter wrote.

| exporter | what it writes |
|---|---|
| torch, dynamo=True | metadata of each node: ``pkg.torch.onnx.name_scopes``, or ``namespace`` |
| torch, dynamo=False; Hugging Face | names such as ``/layer1/layer1.0/conv1/Conv`` |
| tf2onnx, Keras | names such as ``StatefulPartitionedCall/model/block1_conv1/BiasAdd:0`` |
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from onnx import GraphProto, NodeProto

# Scopes that exporters add to those that the network's author gave.
EXPORTER_SCOPES = frozenset(("StatefulPartitionedCall", "PartitionedCall", "main_graph", "import"))
ENDING = re.compile(r"(:\d+|_output_\d+)$")
REPEAT = re.compile(r"_\d+$")
OPTIMIZED = re.compile(r"__\d+$")  # tf2onnx's number of a node that it added or moved
SCOPES, CLASSES, NAMESPACE = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy", "namespace"
LONGEST = 10_000  # characters of metadata that are read
WEIGHTED = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul"))

# What torch's tracer calls the operators that a module computes itself.
TORCH: Mapping[str, str] = {
    "AveragePool": "avg_pool2d",
    "Concat": "cat",
    "Conv": "conv2d",
    "Gemm": "linear",
    "GlobalAveragePool": "adaptive_avg_pool2d",
    "LayerNormalization": "layer_norm",
    "LeakyRelu": "leaky_relu",
    "MaxPool": "max_pool2d",
    "ReduceMean": "mean",
}


@dataclass(frozen=True)
class Scoped:
    """One operator of the file.

    ``modules`` are the paths of the modules around it, outermost first. ``operation`` is what its module calls it, and
    ``call`` is equal for the operators that one operation was written as.
    """

    value: str
    operator: str
    inputs: tuple[str, ...]
    modules: tuple[str, ...]
    operation: str
    call: str
    also: tuple[str, ...] = ()  # other paths of modules whose result this is
    repeats: bool = False  # whether a module that is called again has the same path again

    @property
    def path(self) -> str:
        """The path of the innermost module, empty for the network itself."""
        return self.modules[-1] if self.modules else ""


def scoped_nodes(graph: GraphProto) -> list[Scoped]:
    """Return all operators of which it is known what module they belong to, in order; constants are left out."""
    nodes = [node for node in graph.node if node.output and node.op_type != "Constant"]
    for dialect in (_by_metadata, _by_torch_names):
        if found := [scoped for node in nodes if (scoped := dialect(node)) is not None]:
            return _at_weights(found, graph)
    return _without_model([scoped for node in nodes if (scoped := _by_tensorflow_names(node)) is not None])


def _by_metadata(node: NodeProto) -> Scoped | None:
    stated = {entry.key: entry.value for entry in node.metadata_props if len(entry.value) < LONGEST}
    scopes, classes = _strings(stated.get(SCOPES, "")), _strings(stated.get(CLASSES, ""))
    if not scopes and NAMESPACE in stated:
        pairs = [part.partition(": ") for part in stated[NAMESPACE].split("/")]
        scopes, classes = [path.strip() for path, _, _ in pairs], [kind for _, _, kind in pairs]
    if len(scopes) < 2 or scopes[0]:
        return None
    *modules, operation = (scope.partition("@")[0] for scope in scopes[1:])
    scoped = _scoped(node, tuple(dict.fromkeys(modules)), REPEAT.sub("", operation), operation, repeats=True)
    normalised = len(classes) > len(modules) and "Norm" in classes[len(modules)]
    return replace(scoped, also=(scoped.path,)) if normalised and node.op_type in WEIGHTED else scoped


def _strings(text: str) -> list[str]:
    """Return a list of strings that is written in Python; empty for anything else."""
    try:
        found = ast.literal_eval(text) if text else []
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    return found if isinstance(found, list) and all(isinstance(part, str) for part in found) else []


def _by_torch_names(node: NodeProto) -> Scoped | None:
    """Join the scopes of torch's older exporter, which writes each with what the one before it ends in."""
    name = next((ENDING.sub("", n) for n in (node.output[0], node.name) if n.startswith("/")), "")
    if not name:
        return None
    *scopes, operation = [part for part in name.split("/") if part and part not in EXPORTER_SCOPES] or [""]
    modules: list[str] = []
    last = whole = ""
    for scope in scopes:
        if last and scope.startswith(f"{last}."):
            whole = whole.removesuffix(last) + scope
        else:
            whole = f"{whole}.{scope}" if whole else scope
        last = scope
        modules.append(whole)
    kind = REPEAT.sub("", operation)
    return _scoped(node, tuple(modules), TORCH.get(kind, kind.lower()), name)


def _by_tensorflow_names(node: NodeProto) -> Scoped | None:
    name = next((n for n in (node.output[0], node.name) if "/" in n), "")
    parts = [part for part in ENDING.sub("", name).split("/") if part and part not in EXPORTER_SCOPES]
    if len(parts) < 2:
        return None
    modules = tuple(".".join(parts[: i + 1]) for i in range(len(parts) - 1))
    return _scoped(node, modules, OPTIMIZED.sub("", parts[-1]).lower(), name)


def _scoped(node: NodeProto, modules: tuple[str, ...], operation: str, call: str, *, repeats: bool = False) -> Scoped:
    inputs = tuple(name for name in node.input if name)
    return Scoped(node.output[0], node.op_type, inputs, modules, operation, call, repeats=repeats)


def _at_weights(nodes: Sequence[Scoped], graph: GraphProto) -> list[Scoped]:
    """Give operators with a weight the path that the weight is named after, if theirs is another's or shortened.

    A normalisation that was folded into a convolution gives it its own path, and the older exporter leaves the names of
    some containers out.
    """
    weights = {tensor.name for tensor in graph.initializer}
    found = []
    for node in nodes:
        owner = next((n.removesuffix(".weight") for n in node.inputs if n in weights and n.endswith(".weight")), "")
        shortened = node.path != "" and _is_shortened(node.path.split("."), owner.split("."))
        if node.operator in WEIGHTED and owner and (node.also or shortened) and owner != node.path:
            node = replace(node, modules=(*node.modules[:-1], owner))
        found.append(replace(node, also=tuple(path for path in node.also if path != node.path)))
    return found


def _is_shortened(path: Sequence[str], owner: Sequence[str]) -> bool:
    """Whether ``path`` ends in the same module as ``owner`` and only lacks some that are around it."""
    rest = iter(owner)
    return path[-1] == owner[-1] and all(part in rest for part in path)


def _without_model(nodes: Sequence[Scoped]) -> list[Scoped]:
    """Remove the scope of the whole model, and the number that Keras adds to all layers when it traces them again.

    The result is empty if all operators have one scope, which then says nothing.
    """
    paths = [node.path.split(".") for node in nodes]
    if len({node.path for node in nodes}) < 2:
        return []
    dropped = 0
    while all(len(path) > dropped + 1 for path in paths) and len({path[dropped] for path in paths}) == 1:
        dropped += 1
    firsts = {path[dropped] for path in paths}
    numbers = {match[0] if (match := REPEAT.search(first)) else "" for first in firsts}
    ending = numbers.pop() if len(numbers) == 1 and (dropped or len(firsts) > 1) else ""

    def plain(module: str) -> str:
        first, dot, rest = ".".join(module.split(".")[dropped:]).partition(".")
        return first.removesuffix(ending) + dot + rest

    return [replace(node, modules=tuple(plain(m) for m in node.modules[dropped:])) for node in nodes]
