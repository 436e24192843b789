"""The result of every source: a forward graph, its metadata, and the original network to compare with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from reverie_proto.sizes import Size

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Normalisation:
    """The network's normalisation of RGB in [0, 1]: ``(scale * picture - mean) / std``, channels in this order."""

    mean: tuple[float, ...] = (0.0, 0.0, 0.0)  # one number for each channel of the picture
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    scale: float = 1.0
    channel_order: str = "RGB"

    @property
    def is_identity(self) -> bool:
        """Whether the network takes the picture unnormalised."""
        return self.scale == 1 and self.channel_order == "RGB" and not any(self.mean) and set(self.std) == {1}

    def apply(self, picture: Floats) -> Floats:
        """Normalise ``picture`` [N, C, H, W] in its own precision, with constants in float32, as networks have them."""
        ordered = picture[:, ::-1] if self.channel_order == "BGR" else picture
        scale, mean, std = (np.array(c, np.float32).astype(picture.dtype) for c in (self.scale, self.mean, self.std))
        return np.asarray((scale * ordered - mean.reshape(1, -1, 1, 1)) / std.reshape(1, -1, 1, 1))


class Probe(Protocol):
    """The original network on one picture."""

    def activation(self, value: str) -> Floats:
        """Return the value of that name; raises ``KeyError`` if the network cannot compute it at this size."""
        ...

    def gradient_distance(self, cotangents: Mapping[str, Floats], gradient: Floats) -> float:
        """Return the L2 distance of ``gradient`` [1, C, H, W] from that of the sum of all <value, cotangent>."""
        ...


class Reference(Protocol):
    """The original network, evaluated by other means than the exported graphs."""

    @property
    def description(self) -> str:
        """Its name in the manifest, such as "torch 2.15.0"."""
        ...

    def probe(self, picture: Floats, normalisation: Normalisation, values: Sequence[str]) -> Probe:
        """Run the network in float64 on ``picture`` [1, C, H, W] in [0, 1], recording ``values``."""
        ...


@dataclass(frozen=True)
class Source:
    """A network ready to be exported."""

    model: str  # the source's name, as the manifest records it
    weights: str
    weights_digest: str
    description: str
    graph: ir.Model  # forward only; one input, float32 [1, C, size, size]
    names: Mapping[str, Sequence[str]]  # of the graph's values, best first; without an entry, the value's own
    normalisation: Normalisation
    labels: Sequence[str]
    native_size: Size
    versions: Mapping[str, str]
    reference: Reference
    notes: Sequence[str] = ()  # what the user may want to know about the source
    remarks: Sequence[str] = ()  # what the user must know about the weights
    absent: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by value: why weights that it needs are lacking

    @property
    def channels(self) -> int:
        """How many channels the picture has."""
        return len(self.normalisation.mean)


def digest_of(tensors: Mapping[str, Array]) -> str:
    """Return the SHA-256 (hex) of names, types, shapes and values, in order of name.

    For each tensor: the line ``name dtype shape\\n`` in UTF-8 (numpy's little-endian dtype string, dimensions joined by
    ``x``), then its values in C order, little-endian.
    """
    sha = hashlib.sha256()
    for name in sorted(tensors):
        array = np.asarray(tensors[name])
        array = np.ascontiguousarray(array).reshape(array.shape).astype(array.dtype.newbyteorder("<"), copy=False)
        sha.update(f"{name} {array.dtype.str} {'x'.join(map(str, array.shape))}\n".encode())
        sha.update(array.reshape(-1).view(np.uint8).data)
    return sha.hexdigest()
