"""A task, which is a graph with its inputs and outputs, and the file format of a suite of tasks.

A suite is a folder with ``suite.json`` and raw little-endian arrays, so that runtimes without Python can read it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

Arrays = Mapping[str, np.ndarray]
SUITE = Path(".build", "conformance", "suite")


def generator(name: str) -> np.random.Generator:
    """Return random numbers that depend only on a name, so that other edits do not change them."""
    return np.random.default_rng(list(name.encode()))


@dataclass(frozen=True)
class Task:
    """A task: ``model`` with the inputs ``feeds`` gives ``outputs``.

    External weights of the model are in the file ``weights``. No results are stored for a task that is only ``timed``.
    """

    name: str
    model: onnx.ModelProto
    feeds: Arrays
    outputs: Sequence[str]
    weights: Path | None = None
    timed: bool = False

    @property
    def sizes(self) -> dict[str, int]:
        """The values of the model's free dimensions, from the feeds."""
        sizes = {}
        for value in self.model.graph.input:
            for dim, size in zip(value.type.tensor_type.shape.dim, self.feeds[value.name].shape, strict=True):
                if dim.dim_param:
                    sizes[dim.dim_param] = size
        return sizes


def write_suite(tasks: Sequence[Task], folder: Path) -> None:
    """Write all tasks into a new folder, which replaces an existing one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    entries: list[dict[str, Any]] = []
    for task in tasks:
        file = f"{task.name}.onnx"
        (folder / file).write_bytes(task.model.SerializeToString())
        if task.weights is not None and not (folder / task.weights.name).exists():
            shutil.copyfile(task.weights, folder / task.weights.name)
        inputs = []
        for name, array in task.feeds.items():
            raw = f"{task.name}.{name}.bin"
            (folder / raw).write_bytes(np.ascontiguousarray(array).tobytes())
            inputs.append({"name": name, "dtype": str(array.dtype), "shape": array.shape, "file": raw})
        entries.append(
            {
                "name": task.name,
                "file": file,
                "external": task.weights.name if task.weights else None,
                "sizes": task.sizes,
                "inputs": inputs,
                "outputs": list(task.outputs),
                "timed": task.timed,
            }
        )
    (folder / "suite.json").write_text(json.dumps(entries, indent=1) + "\n")
