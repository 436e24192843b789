"""Open whatever the user names as a source."""

from __future__ import annotations

import importlib.util
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

from reverie_export.errors import BadOption, BadSource
from reverie_export.sources.source import Normalisation, Source

LARGEST_PX = 4096


@dataclass(frozen=True)
class Overrides:
    """What the user says instead of the source; None leaves it to the source."""

    size_px: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    scale: float | None = None
    channel_order: str | None = None


def open_source(source: str, *, weights: str | None, overrides: Overrides) -> Source:
    """Read the network that ``source`` names; torch is imported only where it is needed."""
    if overrides.size_px is not None and not 1 <= overrides.size_px <= LARGEST_PX:
        raise BadOption(f"--input: {overrides.size_px} is not a size from 1 to {LARGEST_PX} pixels")
    _overridden(Normalisation(), overrides)  # what is wrong with them is told before the network is read
    if source.endswith(".onnx"):
        from reverie_export.sources.onnx_file import open_onnx

        if weights is not None:
            raise BadOption(f"--weights {weights}: an .onnx file has its weights inside; leave the option out")
        opened = open_onnx(Path(source), overrides.size_px)
    else:
        opened = _open_torch(source, weights, overrides)
    return replace(opened, normalisation=_overridden(opened.normalisation, overrides))


def _open_torch(source: str, weights: str | None, overrides: Overrides) -> Source:
    timm = source.startswith("timm:")
    needs = ("torch", "torchvision", *(("timm",) if timm else ()))
    if absent := [name for name in needs if importlib.util.find_spec(name) is None]:
        extra = "'reverie[export]'" + (" timm" if timm else "")
        raise BadSource(f"{source} needs {' and '.join(absent)}; install what export needs: pip install {extra}")
    from reverie_export.sources.called_network import called_network
    from reverie_export.sources.network import resized
    from reverie_export.sources.timm_network import timm_network
    from reverie_export.sources.torch_network import traced
    from reverie_export.sources.torchvision_network import torchvision_network

    call = timm_network if timm else called_network if ":" in source else torchvision_network
    return traced(resized(call(source, weights), overrides.size_px, None))


def default_name(source: str) -> str:
    """What the model that is made of ``source`` is called unless the user says otherwise: fit for a folder's name."""
    plain = Path(source).stem if source.endswith(".onnx") else source.rpartition(":")[2].rpartition(".")[2]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", plain).lstrip("._-") or "model"


def _overridden(normalisation: Normalisation, overrides: Overrides) -> Normalisation:
    """The normalisation with the user's changes; BadOption where the result cannot be computed with."""
    changed = {
        key: value
        for key in ("mean", "std", "scale", "channel_order")
        if (value := getattr(overrides, key)) is not None
    }
    normalisation = replace(normalisation, **changed)
    for key, numbers in (("mean", normalisation.mean), ("std", normalisation.std)):
        if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
            raise BadOption(f"--{key} {numbers}: three finite numbers are needed, one for each channel")
    if not all(normalisation.std) or not normalisation.scale:
        raise BadOption(f"--std {normalisation.std} and --scale {normalisation.scale} must not be zero")
    if normalisation.channel_order not in ("RGB", "BGR"):
        raise BadOption(f"the channel order {normalisation.channel_order!r} is neither RGB nor BGR")
    return normalisation
