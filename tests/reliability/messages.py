"""Strategies for requests: valid ones, those with a few changed fields, and those with any value in any field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as some
from reverie_proto.v1 import visualization_pb2

from tests.reliability import valid

SERVICE = visualization_pb2.DESCRIPTOR.services_by_name["VisualizationService"]

#: Values that exist on the server, so that requests get further than the first check.
KNOWN = ["", "tiny", "conv1_1", "relu1_1", "logits", "ring", "reverie", "quick", "features.0"]

#: Long strings are drawn by their length, because drawing every letter would be slow.
TEXTS = some.one_of(some.sampled_from(KNOWN), some.text(max_size=40), some.integers(1000, 1100).map("x".__mul__))
NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: some.one_of(some.integers(-2, 40), some.integers(-(2**31), 2**31 - 1)),
    FieldDescriptor.CPPTYPE_INT64: some.one_of(some.integers(-2, 40), some.integers(-(2**63), 2**63 - 1)),
    FieldDescriptor.CPPTYPE_UINT32: some.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: some.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_FLOAT: some.floats(width=32),
    FieldDescriptor.CPPTYPE_DOUBLE: some.floats(),
    FieldDescriptor.CPPTYPE_BOOL: some.booleans(),
    FieldDescriptor.CPPTYPE_ENUM: some.integers(-1, 9),
}
MAX_DEPTH = 6
#: The depth of the values that are put into a valid request.
SPOILT_DEPTH = 2


def requests(method: MethodDescriptor, *, job: str) -> some.SearchStrategy[Any]:
    """Return a strategy for the requests of a method: valid ones, altered ones, and random ones.

    `job` is the id of a job that the server has a record of.
    """
    right = valid.requests(method.name, job=job)
    return some.one_of(right, _spoilt(right), _messages(method.input_type, MAX_DEPTH))


@some.composite
def _spoilt(draw: some.DrawFn, right: some.SearchStrategy[Any]) -> Any:
    """Change one to three fields of a valid request, at any depth, to another value or none."""
    request = draw(right)
    for _ in range(draw(some.integers(1, 3))):
        messages = [message for message in _parts(request) if message.DESCRIPTOR.fields]
        if not messages:  # of a method that takes nothing
            break
        message = draw(some.sampled_from(messages))
        field = draw(some.sampled_from(list(message.DESCRIPTOR.fields)))
        if draw(some.booleans()):
            message.ClearField(field.name)
        if draw(some.booleans()):
            _fill(message, field, draw, SPOILT_DEPTH)
    return request


def _parts(message: Any) -> Iterator[Any]:
    """Yield a message and all messages in it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in [value] if isinstance(value, Message) else value:
                yield from _parts(inner)


def _messages(kind: Descriptor, depth: int) -> some.SearchStrategy[Any]:
    make = message_factory.GetMessageClass(kind)
    fields = [field for field in kind.fields if depth or field.message_type is None]

    @some.composite
    def build(draw: some.DrawFn) -> Any:
        message = make()
        for field in fields:
            if draw(some.booleans()):
                _fill(message, field, draw, depth)
        return message

    return build()


def _fill(message: Any, field: FieldDescriptor, draw: some.DrawFn, depth: int) -> None:
    held = getattr(message, field.name)
    if field.message_type is not None:
        inner = _messages(field.message_type, depth - 1)
        if hasattr(held, "append"):
            held.extend(draw(some.lists(inner, max_size=3)))
        else:
            held.CopyFrom(draw(inner))
    elif hasattr(held, "append") and not isinstance(held, str | bytes):
        held.extend(draw(some.lists(_values(field), max_size=8)))
    else:
        setattr(message, field.name, draw(_values(field)))


def _values(field: FieldDescriptor) -> some.SearchStrategy[Any]:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return some.binary(max_size=1100)
    return TEXTS if field.type == FieldDescriptor.TYPE_STRING else NUMBERS[field.cpp_type]
