"""The file of weights that all layer graphs of a model share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

FILE = "weights.bin"
ALIGNMENT = 64  # bytes: what any vector unit and any memory map asks for
SMALLEST = 64  # bytes: smaller constants stay in the graph, where shape inference reads them


@dataclass(frozen=True)
class Stored:
    """The weights in the file: by the ``id`` of a tensor in memory, the external tensor that replaces it."""

    tensors: Mapping[int, ir.ExternalTensor]
    size_bytes: int
    sha256: str


def write_weights(folder: Path, forward: ir.Graph, graphs: Iterable[ir.Graph]) -> Stored:
    """Write each weight of ``forward`` that any of ``graphs`` uses to ``folder``/weights.bin, once."""
    used = {id(v.const_value) for graph in graphs for v in graph.initializers.values()}
    tensors: dict[int, ir.ExternalTensor] = {}
    sha = hashlib.sha256()
    offset = 0
    with open(folder / FILE, "wb") as file:
        for name, value in forward.initializers.items():
            tensor = value.const_value
            if (
                tensor is None
                or id(tensor) not in used
                or not tensor.dtype.is_floating_point()
                or tensor.nbytes < SMALLEST
            ):
                continue
            padding = bytes(-offset % ALIGNMENT)
            array = np.ascontiguousarray(tensor.numpy())
            data = array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8).data
            for piece in (padding, data):
                file.write(piece)
                sha.update(piece)
            offset += len(padding)
            tensors[id(tensor)] = ir.ExternalTensor(
                FILE, offset, len(data), tensor.dtype, shape=ir.Shape(tensor.shape.numpy()), name=name, base_dir=folder
            )
            offset += len(data)
    return Stored(tensors, offset, sha.hexdigest())


def use_external(graph: ir.Graph, stored: Stored) -> None:
    """Replace the initializers of ``graph`` by the stored weights."""
    for value in graph.initializers.values():
        if (external := stored.tensors.get(id(value.const_value))) is not None:
            value.const_value = external
