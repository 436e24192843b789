"""Checks that what a manifest says of a model can be listed and used, before any of it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from google.protobuf.message import Message
from reverie_proto.printable import printable
from reverie_proto.v1 import manifest_pb2

#: The most characters of a name, of a label and of the description, and of all labels and aliases together. Lists of
#: models and layers have to fit into responses.
MAX_NAME, MAX_LABEL, MAX_DESCRIPTION, MAX_TEXTS = 256, 1024, 16_384, 2**20


def faults(manifest: manifest_pb2.Manifest) -> Iterator[str]:
    """Yield a sentence for each thing in a manifest that cannot be right."""
    layers = [entry.layer for entry in manifest.layers]
    yield from _names("model name", [manifest.name])
    yield from _names("layer name", [layer.name for layer in layers])
    yield from _names("alias", [alias for layer in layers for alias in layer.aliases])
    if len(manifest.description) > MAX_DESCRIPTION:
        yield f"its description has {len(manifest.description)} characters, and at most {MAX_DESCRIPTION} are listed"
    if any(len(label) > MAX_LABEL for label in manifest.labels):
        yield f"a label has {max(map(len, manifest.labels))} characters, and at most {MAX_LABEL} are listed"
    texts = sum(map(len, manifest.labels)) + sum(len(alias) for layer in layers for alias in layer.aliases)
    if texts > MAX_TEXTS:
        yield f"its labels and aliases have {texts} characters, and at most {MAX_TEXTS} are listed"
    for layer in layers:
        if layer.channels < 1:
            yield f"layer {layer.name[:60]!r} has {layer.channels} channels, and every layer has at least 1"
    for name, number in _numbers(manifest):
        if not math.isfinite(number) or (isinstance(number, int) and number < 0):
            yield f"{name} is {number:g}, which it cannot be"


def _names(kind: str, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if not name:
            yield f"a {kind} is empty"
        elif len(name) > MAX_NAME:
            yield f"the {kind} {name[:40]!r}... has {len(name)} characters, and at most {MAX_NAME} are listed"
        elif printable(name) != name:
            yield f"the {kind} {name!a} has characters that cannot be shown"


def _numbers(message: Message) -> Iterator[tuple[str, float]]:
    """Yield every number in a message and the messages in it, with the name of its field."""
    for field, value in message.ListFields():
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        for each in values:
            if isinstance(each, Message):
                yield from _numbers(each)
            elif isinstance(each, int | float):
                yield field.name, each
