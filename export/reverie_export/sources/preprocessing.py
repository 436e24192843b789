"""The preprocessing that a network in an .onnx file expects.

It is taken from the options, a file beside the network, or the ``preprocessor_config.json`` of Hugging Face, in this
order.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reverie_proto.sizes import Size

from reverie_export.errors import BadOption, BadSource, nearest
from reverie_export.sources.source import Normalisation

HUGGING_FACE = "preprocessor_config.json"
SUFFIXES = (".preprocessing.toml", ".preprocessing.json")
LARGEST_FILE = 10 * 2**20  # bytes
KEYS = ("mean", "std", "scale", "range", "channel_order", "layout", "size", "labels", "description")
COUNTS = {1: "one", 2: "two", 3: "three", 4: "four"}


@dataclass(frozen=True)
class Preprocessing:
    """``(scale * picture + offset - mean) / std``, and other metadata of a network; None if unknown."""

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    scale: float | None = None
    range: tuple[float, ...] | None = None  # what the picture's [0, 1] becomes, before mean and std
    channel_order: str | None = None
    layout: str | None = None
    size: Size | None = None
    labels: tuple[str, ...] = ()
    description: str = ""
    origin: str = "nothing: RGB in [0, 1] as it is"

    def normalisation(self, channels: int) -> Normalisation:
        """Return the normalisation of pictures of so many channels; one number is used for all channels.

        Raises BadOption if the numbers do not fit.
        """
        mean, std = self.mean or (0.0,), self.std or (1.0,)
        for key, numbers in (("mean", mean), ("std", std)):
            if len(numbers) not in (1, channels) or not all(map(math.isfinite, numbers)):
                count = COUNTS.get(channels, str(channels))
                raise BadOption(f"--{key} {numbers}: {count} finite numbers are needed, one for each channel")
        if self.range is not None and self.scale is not None:
            raise BadOption("--range and --scale both say how large the numbers are; give one of them")
        low, high = self.range or (0.0, self.scale if self.scale is not None else 1.0)
        if not all(std) or low == high or not math.isfinite(high - low):
            raise BadOption(f"--std {std}, --scale and the width of --range must be finite and not zero")
        order = (self.channel_order or "RGB").upper()
        if order not in ("RGB", "BGR"):
            raise BadOption(f"the channel order {order!r} is neither RGB nor BGR")
        if order == "BGR" and channels != 3:
            raise BadOption(f"pictures of {channels} channels have no order BGR")
        columns = [n * channels if len(n) == 1 else n for n in (mean, std)]
        return Normalisation(tuple(m - low for m in columns[0]), columns[1], high - low, order)

    def over(self, other: Preprocessing) -> Preprocessing:
        """Return this, with the fields of ``other`` where this has none."""
        own = {key: value for key, value in vars(self).items() if value not in (None, (), "") and key != "origin"}
        if not own:
            return other
        replaced = {"scale", "range"} if own.keys() & {"scale", "range"} else set()
        kept = {key: value for key, value in vars(other).items() if key not in replaced}
        both = {
            **kept,
            **own,
            "origin": self.origin if other == Preprocessing() else f"{self.origin} and {other.origin}",
        }
        return Preprocessing(**both)


def read_beside(path: Path) -> Preprocessing:
    """Read the file beside a network: ``net.preprocessing.toml``, its ``.json``, or Hugging Face's."""
    for suffix in SUFFIXES:
        if (own := path.with_name(path.stem + suffix)).is_file():
            return read(own)
    shared = path.with_name(HUGGING_FACE)
    return read(shared) if shared.is_file() else Preprocessing()


def read(path: Path) -> Preprocessing:
    """Read a file of preprocessing; raise BadSource, with one sentence, if it is not valid."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadSource(f"{path} is too large to say how pictures are prepared")
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError) as e:
        raise BadSource(f"cannot read {path}: {e}") from e
    if not isinstance(data, dict):
        raise BadSource(f"cannot read {path}: it holds no table of names and values")
    if path.name == HUGGING_FACE or "image_mean" in data or "image_processor_type" in data:
        return _hugging_face(data, path)
    if unknown := [key for key in data if key not in KEYS]:
        raise BadSource(f"{path}: unknown {unknown[0]!r}{nearest(unknown[0], KEYS)}; there are {', '.join(KEYS)}")
    labels = data.get("labels", [])
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise BadSource(f"{path}: labels must be a list of texts")
    return Preprocessing(
        mean=_numbers(data, "mean", path),
        std=_numbers(data, "std", path),
        scale=_number(data, "scale", path),
        range=_pair(data, "range", path),
        channel_order=_text(data, "channel_order", path),
        layout=_text(data, "layout", path),
        size=_size(data.get("size"), path),
        labels=tuple(labels),
        description=_text(data, "description", path) or "",
        origin=path.name,
    )


def _hugging_face(data: Mapping[str, Any], path: Path) -> Preprocessing:
    """Convert from Hugging Face, where a picture of bytes is multiplied by ``rescale_factor``, then normalised."""
    factor = _number(data, "rescale_factor", path)
    scale = 255 * (1 / 255 if factor is None else factor) if data.get("do_rescale", True) else 255.0
    normalised = data.get("do_normalize", "image_mean" in data)
    size = data.get("crop_size", data.get("size")) if data.get("do_center_crop") else data.get("size")
    return Preprocessing(
        mean=_numbers(data, "image_mean", path) if normalised else None,
        std=_numbers(data, "image_std", path) if normalised else None,
        scale=scale,
        channel_order="BGR" if data.get("do_flip_channel_order") else None,
        size=_size(size, path),
        origin=path.name,
    )


def _size(data: object, path: Path) -> Size | None:
    """Return height and width from the side of a square, a list of both, or Hugging Face's table."""
    if isinstance(data, dict):
        height = data.get("height", data.get("shortest_edge"))
        data = [height, data.get("width", height)]
    if data is None or data == [None, None]:
        return None
    stated = data if isinstance(data, list) else [data, data]
    sides = [side for side in stated if isinstance(side, int) and not isinstance(side, bool) and side > 0]
    if len(stated) != 2 or len(sides) != 2:
        raise BadSource(f"{path}: the size {data!r} is not a whole number of pixels, or a list of height and width")
    return sides[0], sides[1]


def _number(data: Mapping[str, Any], key: str, path: Path) -> float | None:
    found = data.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise BadSource(f"{path}: {key} is {found!r} and not a number")
    return float(found)


def _numbers(data: Mapping[str, Any], key: str, path: Path) -> tuple[float, ...] | None:
    found = data.get(key)
    if found is None:
        return None
    listed = found if isinstance(found, list) else [found]
    if not listed or any(isinstance(n, bool) or not isinstance(n, int | float) for n in listed):
        raise BadSource(f"{path}: {key} is {found!r} and not a list of numbers")
    return tuple(float(n) for n in listed)


def _pair(data: Mapping[str, Any], key: str, path: Path) -> tuple[float, ...] | None:
    found = _numbers(data, key, path)
    if found is not None and len(found) != 2:
        raise BadSource(f"{path}: {key} must be two numbers such as [-1, 1]; it is {data[key]!r}")
    return found


def _text(data: Mapping[str, Any], key: str, path: Path) -> str | None:
    found = data.get(key)
    if found is not None and not isinstance(found, str):
        raise BadSource(f"{path}: {key} is {found!r} and not a text")
    return found
