"""Requests that anybody might send, generated from the descriptors: every field, any value, nested at will."""

from __future__ import annotations

from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from hypothesis import strategies as some
from reverie_proto.v1 import spec_pb2, visualization_pb2

SERVICE = visualization_pb2.DESCRIPTOR.services_by_name["VisualizationService"]

#: What is likely to be looked up, so that requests come further than the first check.
KNOWN = ["", "tiny", "conv1_1", "relu1_1", "logits", "ring", "reverie", "quick", "features.0"]

#: Long ones are drawn by their length: to draw every letter takes longer than to send the rest of a request.
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


#: Requests that are carried out in no time, to be spoilt in at most one place of the picture that they ask for.
OBJECTIVE = spec_pb2.Objective(channel=spec_pb2.ChannelObjective(layer="conv1_1", channel=1))
GOOD = spec_pb2.RenderSpec(model="tiny", objective=OBJECTIVE, size_px=16, steps=2)
ASKS = {"RenderImage", "StreamRender"}


def requests(method: MethodDescriptor) -> some.SearchStrategy[Any]:
    """Return a strategy for the requests of a method."""
    anything = _messages(method.input_type, MAX_DEPTH)
    return some.one_of(anything, _nearly_good(method.input_type)) if method.name in ASKS else anything


def _nearly_good(kind: Descriptor) -> some.SearchStrategy[Any]:
    make: Any = message_factory.GetMessageClass(kind)
    fields: Any = list[Any](GOOD.DESCRIPTOR.fields)

    @some.composite
    def build(draw: some.DrawFn) -> Any:
        message = make(spec=GOOD)
        if draw(some.booleans()):
            _fill(message.spec, draw(some.sampled_from(fields)), draw, MAX_DEPTH)
        return message

    return build()


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
