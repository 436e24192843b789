"""A torch module with its metadata, before it is traced."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from reverie_proto.sizes import Size

from reverie_export.errors import BadOption
from reverie_export.sources.source import Normalisation
from reverie_export.sources.torch_weights import Loaded


@dataclass(frozen=True)
class Network:
    """A torch module with its metadata."""

    module: Any  # torch.nn.Module
    model: str
    weights: str
    normalisation: Normalisation
    description: str = ""
    labels: Sequence[str] = ()
    native_size: Size = (224, 224)
    field_names: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)  # of the packages that it comes from, besides torch's
    loaded: Loaded = field(default_factory=Loaded)

    @property
    def channels(self) -> int:
        """How many channels the picture has."""
        return len(self.normalisation.mean)


def resized(network: Network, size: Size | None, channels: int | None) -> Network:
    """Return the network for other pictures; None keeps a number.

    Raises ``BadOption`` if the network's mean and deviation have another number of channels.
    """
    network = replace(network, native_size=size or network.native_size)
    if channels in (None, network.channels):
        return network
    if not network.normalisation.is_identity:
        raise BadOption(
            f"--input: {channels} channels do not fit {network.model}, which normalises {network.channels} of them"
        )
    return replace(network, normalisation=Normalisation((0.0,) * channels, (1.0,) * channels))


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the warnings of torch's exporter and of old models about themselves, which users cannot act on."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
