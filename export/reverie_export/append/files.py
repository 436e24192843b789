"""Reads files of encoders: .safetensors with what is stated beside it, and .npy. Neither needs torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from reverie_export.append.request import Request
from reverie_export.errors import BadWeights, nearest
from reverie_export.sources.source import Array, Floats

BESIDE = ("cfg.json", "config.json")  # of SAELens, of Prisma
# What makes a config.json one of an SAE: the network's own may stand in the same folder.
TELLING = frozenset(("activation_fn", "activation_fn_str", "apply_b_dec_to_input", "d_sae", "k", "top_k"))
SUFFIXES = (".safetensors", ".npy")


@dataclass(frozen=True)
class Contents:
    """The tensors of a file by name, and what it and a file of settings beside it state."""

    tensors: Mapping[str, Array]
    stated: Mapping[str, Any] = field(default_factory=dict)
    beside: str = ""  # the name of the file of settings, "" for none


def read_safetensors(request: Request) -> Contents:
    """Read the tensors, the metadata and the settings; settings beside the file win. Raises BadWeights."""
    path = _existing(request)
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as e:
        raise BadWeights(f"{request} needs safetensors: pip install 'reverie[onnx]'") from e
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            metadata = file.metadata() or {}
    except (OSError, SafetensorError, TypeError, ValueError, KeyError, AttributeError) as e:
        reason = str(e).strip().split("\n")[0]
        raise BadWeights(
            f"{request}: {path} ({path.stat().st_size} bytes) is no safetensors file of floats that numpy knows; write"
            f" it with safetensors.torch.save_file in float32: {reason}"
        ) from e
    settings, beside = _settings(request)
    return Contents(tensors, {**{key: _parsed(value) for key, value in metadata.items()}, **settings}, beside)


def read_npy(request: Request) -> Array:
    """Read an array of numbers; pickled objects are never loaded. Raises BadWeights."""
    path = _existing(request)
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as e:
        raise BadWeights(
            f"{request}: {path} is no array that numpy.save has written, or holds pickled objects, which are never"
            " loaded, or is cut short; save a matrix of floats"
        ) from e
    if not isinstance(array, np.ndarray):
        raise BadWeights(f"{request}: {path} holds several arrays; write one with numpy.save")
    return array


def floats(request: Request, what: str, array: Array) -> Floats:
    """Return an array in float32; raise BadWeights, with the index, if it holds anything but finite numbers."""
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise BadWeights(f"{request}: {what} holds {array.dtype}, not numbers; save it as float32")
    with np.errstate(over="ignore"):
        made = np.ascontiguousarray(array, np.float32).reshape(array.shape)
    if not np.isfinite(made).all():
        index = np.unravel_index(int(np.argmin(np.isfinite(made))), made.shape)
        place = ", ".join(map(str, index))
        number = "NaN" if np.isnan(made[index]) else f"{array[index]}, which is infinite in float32"
        raise BadWeights(f"{request}: {what}[{place}] is {number}; every number must be finite")
    return made


def _existing(request: Request) -> Path:
    path = request.file
    if not path.is_file():
        folder = path.parent
        siblings = [p.name for p in folder.iterdir() if p.suffix in SUFFIXES] if folder.is_dir() else []
        raise BadWeights(f"{request}: there is no file {path}{nearest(path.name, siblings)}")
    return path


def _settings(request: Request) -> tuple[Mapping[str, Any], str]:
    """Return what the first file of settings beside the weights states, and its name."""
    own = request.file.with_suffix(".json").name
    for name in (own, *BESIDE):
        path = request.file.with_name(name)
        if not path.is_file():
            continue
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as e:
            raise BadWeights(f"{request}: {path}, beside it, is not JSON: {e}") from e
        if isinstance(found, dict) and (name == own or not TELLING.isdisjoint(found)):
            return found, name
    return {}, ""


def _parsed(text: str) -> Any:
    """Return a value of metadata, which are all texts, as the number or truth value that it says."""
    try:
        return json.loads(text)
    except ValueError:
        return text
