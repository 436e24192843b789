"""Opens a source by its name: torchvision, timm, package.module:callable or an .onnx file."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reverie_proto.sizes import Size

from reverie_export.errors import BadOption, BadSource
from reverie_export.sandbox import survey_in_sandbox
from reverie_export.sources.constants import Given
from reverie_export.sources.entry import LARGEST_PX
from reverie_export.sources.meant import is_onnx, meant
from reverie_export.sources.onnx_file import FileOptions, open_onnx
from reverie_export.sources.preprocessing import Preprocessing, read, read_beside
from reverie_export.sources.source import Source


@dataclass(frozen=True)
class Overrides:
    """The user's options that override the source's own; None means the source's."""

    size: Size | None = None  # height and width
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    scale: float | None = None
    channel_order: str | None = None
    # For .onnx files only:
    range: tuple[float, ...] | None = None  # what [0, 1] becomes, before mean and std; instead of `scale`
    channels: int | None = None
    layout: str | None = None  # "NCHW" or "NHWC"
    preprocessing: Path | None = None  # a file to use instead of those beside the network
    constants: Mapping[str, Given] = field(default_factory=dict)  # for inputs that are not the picture


def open_source(
    source: str,
    *,
    weights: str | None,
    overrides: Overrides,
    layers: Sequence[str] = (),
    seconds: float | None = None,
) -> Source:
    """Read the network that ``source`` names; torch is imported only if it is needed.

    An .onnx file is read in another process first, which may take ``seconds`` of processor time and refuses ``layers``
    that the network does not have. With ``layers``, a file of weights need not hold all of the network's:
    `Source.absent` says what needs the others.
    """
    for side in overrides.size or ():
        if not 1 <= side <= LARGEST_PX:
            raise BadOption(f"--input: {side} is not a height or width from 1 to {LARGEST_PX} pixels")
    if is_onnx(source):
        if weights is not None:
            raise BadOption(f"--weights {weights}: an .onnx file has its weights inside; leave the option out")
        survey_in_sandbox(Path(source), jsonable(overrides), layers=layers, seconds=seconds)
        return open_onnx_file(Path(source), overrides)
    for option in ("layout", "preprocessing", "constants"):
        if getattr(overrides, option):
            raise BadOption(f"--{option.removesuffix('s')} is for .onnx files; {source} says it itself")
    # Invalid options are reported before the network is read.
    _from_options(overrides).over(Preprocessing()).normalisation(overrides.channels or 3)
    opened = _open_torch(source, weights, overrides, partial=bool(layers))
    own = opened.normalisation
    stated = Preprocessing(own.mean, own.std, own.scale, channel_order=own.channel_order)
    return replace(opened, normalisation=_from_options(overrides).over(stated).normalisation(len(own.mean)))


def open_onnx_file(path: Path, overrides: Overrides) -> Source:
    """Read an .onnx file, with the user's options and the preprocessing in files beside it."""
    stated = read(overrides.preprocessing) if overrides.preprocessing is not None else read_beside(path)
    options = FileOptions(overrides.layout, overrides.channels, overrides.size, overrides.constants)
    return open_onnx(path, options, _from_options(overrides).over(stated))


def jsonable(overrides: Overrides) -> dict[str, object]:
    """Return the overrides as JSON values, for another process."""
    fields = {
        **vars(overrides),
        "constants": {n: v if isinstance(v, str) else list(v) for n, v in overrides.constants.items()},
    }
    return {**fields, "preprocessing": str(overrides.preprocessing) if overrides.preprocessing else None}


def _from_options(overrides: Overrides) -> Preprocessing:
    return Preprocessing(
        mean=overrides.mean,
        std=overrides.std,
        scale=overrides.scale,
        range=overrides.range,
        channel_order=overrides.channel_order,
        origin="the options",
    )


def _networks() -> Collection[str]:
    """Return the names of torchvision's networks, none if it is not installed."""
    if importlib.util.find_spec("torchvision") is None:
        return ()
    from reverie_export.sources.torchvision_network import known_names

    return known_names()


def _open_torch(source: str, weights: str | None, overrides: Overrides, *, partial: bool) -> Source:
    timm = source.startswith("timm:")
    if (hint := meant(source, _networks())) is not None:
        raise BadSource(hint)
    needs = ("torch", "torchvision", *(("timm",) if timm else ()))
    if absent := [name for name in needs if importlib.util.find_spec(name) is None]:
        extra = "'reverie[export]'" + (" timm" if timm else "")
        raise BadSource(f"{source} needs {' and '.join(absent)}; install what export needs: pip install {extra}")
    from reverie_export.sources.called_network import called_network
    from reverie_export.sources.network import resized
    from reverie_export.sources.timm_network import timm_network
    from reverie_export.sources.torch_network import traced
    from reverie_export.sources.torchvision_network import torchvision_network

    if timm:
        network = timm_network(source, weights, partial=partial, size=overrides.size)
    else:
        network = (called_network if ":" in source else torchvision_network)(source, weights, partial=partial)
    return traced(resized(network, overrides.size, overrides.channels))


def default_name(source: str) -> str:
    """Return the default name of the model made from ``source``, which is valid as a folder's name."""
    plain = Path(source).stem if is_onnx(source) else source.rpartition(":")[2].rpartition(".")[2]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", plain).lstrip("._-") or "model"
