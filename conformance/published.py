"""Runtimes that are not run here: which graphs only have operators of the runtime's published list.

``published.json`` holds the names from each project's published list, and its address. A list does not cover
attributes, types and speed, so "yes" means that no operator is missing. Constants count as supported everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx

from conformance.task import Task

LISTS = Path(__file__).with_name("published.json")
EVERYWHERE = {"Constant"}


def published(tasks: Sequence[Task]) -> Iterator[str]:
    """Yield the lines of a table: one row per runtime, with the graphs that would run and the missing operators."""
    yield "| runtime | graphs whose operators are all listed | missing elsewhere | list |"
    yield "|---|---|---|---|"
    graphs = {task.name: operators(task.model) for task in tasks if not task.timed}
    for entry in json.loads(LISTS.read_text()):
        listed = {*entry["operators"].split(), *EVERYWHERE}
        whole = [name for name, needed in graphs.items() if needed <= listed]
        lacking = sorted(set().union(*graphs.values()) - listed)
        count = f"{len(whole)} of {len(graphs)}: {', '.join(whole)}" if whole else f"0 of {len(graphs)}"
        yield f"| {entry['runtime']} | {count} | {', '.join(lacking) or 'nothing'} | {entry['source']} |"


def operators(model: onnx.ModelProto) -> set[str]:
    """Return the operators of a graph."""
    return {node.op_type for node in model.graph.node}
