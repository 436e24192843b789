"""Readable names of values, from those that exporters give them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import onnx_ir as ir

# Scopes that exporters add to the name that the network's author gave.
EXPORTER_SCOPES = frozenset(("StatefulPartitionedCall", "PartitionedCall", "main_graph", "import"))
ENDING = re.compile(r"(:\d+|_output_\d+)$")
NUMBER = re.compile(r"\d+")


def readable_names(graph: ir.Graph) -> Mapping[str, Sequence[str]]:
    """Return for each value its names, best first: cleaned up, and as in the file.

    ``/layer1/layer1.0/conv1/Conv_output_0`` becomes ``layer1.0.conv1``,
    ``StatefulPartitionedCall/resnet/conv1_relu/Relu:0`` becomes ``resnet.conv1_relu``, and ``497`` is named after its
    node or operator. The result is empty if the names are plain already.
    """
    made = [(node, node.outputs[0].name) for node in graph if node.outputs[0].name]
    full = {name: _parts(name) for _, name in made}
    numbers: Counter[str] = Counter()
    for node, name in made:
        if NUMBER.fullmatch(".".join(full[name])):
            plain = _parts(node.name or "") or [node.op_type.lower()]
            if not node.name or NUMBER.fullmatch(".".join(plain)):
                plain = [f"{node.op_type.lower()}_{numbers[node.op_type]}"]
                numbers[node.op_type] += 1
            full[name] = plain
    short = {name: _without_operator(full[name], node.op_type) for node, name in made}
    shared = Counter(short.values())
    names = {}
    for _, name in made:
        best = short[name] if shared[short[name]] == 1 else ".".join(full[name])
        names[name] = (best, name) if best and best != name else (name,)
    return names if any(len(both) > 1 for both in names.values()) else {}


def _parts(name: str) -> list[str]:
    """Return the components of a path, each scope once: torch writes ``layer1/layer1.0``."""
    if "/" not in name:
        return [ENDING.sub("", name)] if NUMBER.fullmatch(ENDING.sub("", name)) else [name]
    parts = [part for part in ENDING.sub("", name).split("/") if part and part not in EXPORTER_SCOPES]
    return [
        part for i, part in enumerate(parts) if not any(later.startswith(f"{part}.") for later in parts[i + 1 : i + 2])
    ]


def _without_operator(parts: Sequence[str], operator: str) -> str:
    """Return the path, without its last component if that only repeats the operator: ``conv1/Conv``."""
    plain = re.sub(r"(_\d+)+$", "", parts[-1]).lower() if parts else ""
    kept = parts[:-1] if len(parts) > 1 and plain in (operator.lower(), "biasadd", "convolution") else parts
    return ".".join(kept)
