"""Values that the user gives for inputs of an ONNX graph that are not the picture: numbers, or a file of numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from onnx import GraphProto, TensorProto, ValueInfoProto, helper, numpy_helper

from reverie_export.errors import BadOption, nearest
from reverie_export.sources.source import Array

Given: TypeAlias = "Sequence[float] | str"  # a str is the path of a .npy file
MOST_REPEATED = 2**20  # elements that one number fills
MOST_READ = 2**26  # elements of a file


def apply_constants(graph: GraphProto, constants: Mapping[str, Given]) -> None:
    """Turn the inputs for which the user gives values into weights.

    Numbers fill the shape of the input, where free sizes are 1; a single one is repeated. An array of a file has that
    shape, and its own sizes for free ones; it may lack the first axis, the batch, if that is free or 1.
    """
    inputs = {value.name: value for value in graph.input}
    for name, given in constants.items():
        if name not in inputs:
            raise BadOption(f"--constant {name}: the network has no such input{nearest(name, inputs)}")
        value = inputs[name]
        array = _of_file(name, Path(given), value, graph) if isinstance(given, str) else _of_numbers(name, given, value)
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise BadOption(f"--constant {name}: it holds NaN, which would make every activation NaN")
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        graph.input.remove(value)


def _of_numbers(name: str, numbers: Sequence[float], value: ValueInfoProto) -> Array:
    shape = [dim or 1 for dim in _stated(value)]
    given = np.array(numbers, np.float64)
    if given.size not in (1, int(np.prod(shape))) or np.prod(shape) > MOST_REPEATED:
        raise BadOption(f"--constant {name}: {given.size} numbers do not fill its shape {shape}")
    dtype = _dtype(value)
    if dtype.kind != "f":
        given = _lossless(name, given, dtype)
    given = given.astype(dtype)
    return np.broadcast_to(given.reshape(()) if given.size == 1 else given.reshape(shape), shape)


def _of_file(name: str, path: Path, value: ValueInfoProto, graph: GraphProto) -> Array:
    array = _read(name, path)
    stated = _stated(value)
    if array.ndim == len(stated) - 1 and stated[0] in (0, 1):
        array = array[None]
    fits = array.ndim == len(stated) and all(n in (0, have) for n, have in zip(stated, array.shape, strict=True))
    if not fits:
        raise BadOption(
            f"--constant {name}: the array in {path} has the shape {list(array.shape)}, and the network takes"
            f" {_written(value)}; the first axis may be left out if it is free or 1"
        )
    if _counts_pictures(value, graph) and array.shape[0] != 1:
        raise BadOption(
            f"--constant {name}: the array in {path} has {array.shape[0]} elements along the batch, whose size is that"
            " of the pictures; give the values for one picture, with 1 there"
        )
    return _lossless(name, array, _dtype(value))


def _read(name: str, path: Path) -> Array:
    if not path.is_file():
        beside = [p.name for p in path.parent.glob("*.npy")] if path.parent.is_dir() else []
        raise BadOption(f"--constant {name}: there is no file {path}{nearest(path.name, beside)}")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)  # so that a size is known before anything is read
    except (OSError, ValueError, EOFError) as e:
        raise BadOption(
            f"--constant {name}: {path} is no array that numpy.save has written, or holds objects, or is cut short"
        ) from e
    if not isinstance(array, np.ndarray):
        raise BadOption(f"--constant {name}: {path} holds several arrays; write one with numpy.save")
    if array.dtype.kind not in "biuf":
        raise BadOption(f"--constant {name}: {path} holds {array.dtype}, not numbers or Booleans")
    if array.size > MOST_READ:
        raise BadOption(f"--constant {name}: {path} holds {array.size} numbers; {MOST_READ} is the limit")
    return np.array(array)


def _lossless(name: str, array: Array, dtype: np.dtype[np.generic]) -> Array:
    """Return ``array`` in the type of the input; refuse if that changes a number."""
    with np.errstate(all="ignore"):
        made = array.astype(dtype)
        same = made.astype(array.dtype) == array
        if array.dtype.kind == dtype.kind == "f":
            same |= np.isnan(array)
    if dtype.kind not in "biuf" or not np.all(same):
        raise BadOption(
            f"--constant {name}: the network takes {dtype}, in which some of the numbers given, {array.dtype}, would be"
            f" others; convert them first"
        )
    return np.asarray(made)


def _dtype(value: ValueInfoProto) -> np.dtype[np.generic]:
    return np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type or TensorProto.FLOAT))


def _stated(value: ValueInfoProto) -> list[int]:
    """Return the sizes of an input, 0 for free ones."""
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


def _written(value: ValueInfoProto) -> str:
    return f"[{', '.join(d.dim_param or str(d.dim_value or '?') for d in value.type.tensor_type.shape.dim)}]"[:80]


def _counts_pictures(value: ValueInfoProto, graph: GraphProto) -> bool:
    """Whether the first size of an input is free and has the name of the first size of another one."""
    first = [(v.name, v.type.tensor_type.shape.dim[0].dim_param) for v in graph.input if v.type.tensor_type.shape.dim]
    own = dict(first).get(value.name, "")
    return bool(own) and any(symbol == own for other, symbol in first if other != value.name)
