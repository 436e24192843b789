"""Readable names of values, from those that exporters give them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import onnx_ir as ir

from reverie_export.sources.scopes import ENDING, EXPORTER_SCOPES

TEMPORARY = re.compile(r"\.tmp_\d+$")  # of PaddlePaddle's values
NUMBER = re.compile(r"\d+")


def readable_names(graph: ir.Graph, modules: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """Return for each value its names, best first: those in ``modules``, cleaned up, and as in the file.

    Without ``modules``, a path becomes a name without what exporters add, ``conv2d_0.tmp_0`` becomes ``conv2d_0``, and
    ``497`` is named after its node or operator. Each name stands for one value. The result is empty if all names are
    plain already.
    """
    made = [(node, node.outputs[0].name) for node in graph if node.outputs[0].name]
    cleaned = _cleaned(made)
    best: dict[str, str] = {}
    used: set[str] = set()
    for _, name in made:
        wanted = next((n for n in (*modules.get(name, ()), cleaned[name][0], name) if n and n not in used), name)
        best[name] = wanted
        used.add(wanted)
    names: dict[str, tuple[str, ...]] = {value: (name,) for value, name in best.items()}
    for more in (modules, {name: (name,) for _, name in made}, cleaned):
        for _, name in made:
            others = [n for n in more.get(name, ()) if n and n not in used]
            names[name] = (*names[name], *others)
            used.update(others)
    for node, name in made:  # folding leaves one of the two, under either name
        source = node.inputs[0].name if node.op_type == "Identity" and node.inputs[0] is not None else None
        if node.outputs[0].is_graph_output() and source in names:
            names[name] = (*names[source], *(n for n in names[name] if n not in names[source]))
    return names if any(len(all_) > 1 for all_ in names.values()) else {}


def _cleaned(made: Sequence[tuple[ir.Node, str]]) -> dict[str, tuple[str, ...]]:
    """Return readable names of each value, best first, made of its own name, its node's or its operator's."""
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
    whole = {name: ".".join(parts) for name, parts in full.items()}
    return {
        name: (short[name], whole[name]) if shared[short[name]] == 1 else (whole[name], short[name]) for _, name in made
    }


def _parts(name: str) -> list[str]:
    """Return the components of a path, each scope once: torch writes ``layer1/layer1.0``."""
    if "/" not in name:
        plain = ENDING.sub("", name)
        return [plain] if NUMBER.fullmatch(plain) else [TEMPORARY.sub("", name)]
    parts = [part for part in ENDING.sub("", name).split("/") if part and part not in EXPORTER_SCOPES]
    return [
        part for i, part in enumerate(parts) if not any(later.startswith(f"{part}.") for later in parts[i + 1 : i + 2])
    ]


def _without_operator(parts: Sequence[str], operator: str) -> str:
    """Return the path, without its last component if that only repeats the operator: ``conv1/Conv``."""
    plain = re.sub(r"(_\d+)+$", "", parts[-1]).lower() if parts else ""
    kept = parts[:-1] if len(parts) > 1 and plain in (operator.lower(), "biasadd", "convolution") else parts
    return ".".join(kept)
