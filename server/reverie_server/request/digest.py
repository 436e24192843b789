"""The digest of an effective spec, which identifies a picture before it is rendered."""

from __future__ import annotations

import hashlib
import json

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from reverie_ascent.maker import ENGINE_VERSION
from reverie_proto.v1 import spec_pb2

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool


def spec_digest(effective: spec_pb2.RenderSpec) -> str:
    """Return the SHA-256 (hex) of an effective spec and the engine's version.

    The bytes of a protobuf message depend on the library that wrote them, so the digest is taken over canonical JSON:
    sorted keys, no spaces, enums by name, each float as the shortest decimal of its float64 value (every float32 is
    exactly a float64).
    """
    content = {"engine": ENGINE_VERSION, "spec": canonical(effective)}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(message: Message) -> Json:
    """Return the fields that are set, under their names in the .proto file."""
    return {field.name: _canonical(field, value) for field, value in message.ListFields()}


def _canonical(field: FieldDescriptor, value: object) -> Json:
    if isinstance(value, Message):
        return canonical(value)
    if isinstance(value, int) and field.enum_type is not None:
        return str(field.enum_type.values_by_number[value].name)
    if isinstance(value, str | int | float):
        return value
    return [_canonical(field, item) for item in value]  # type: ignore[attr-defined]  # a repeated field
