"""Every string, bytes and repeated field of every request has a limit, and the error names the field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue
from google.rpc import error_details_pb2 as rpc
from reverie_proto.v1 import visualization_pb2 as wire
from reverie_server import Engine
from reverie_server.errors import InvalidRequest
from reverie_server.process.settings import Settings
from reverie_server.rpc import message_limits as bounds

from tests.server.hosts import Refusal, running

SERVICE = wire.DESCRIPTOR.services_by_name["VisualizationService"]


@dataclass(frozen=True)
class Place:
    """A field with a length in a request; `path` is the list of field names that leads to it."""

    request: type[Message]
    path: tuple[FieldDescriptor, ...]

    def __str__(self) -> str:
        return f"{self.request.DESCRIPTOR.name}.{'.'.join(field.name for field in self.path)}"


def places(kind: Descriptor, path: tuple[FieldDescriptor, ...] = ()) -> Iterator[tuple[FieldDescriptor, ...]]:
    for field in kind.fields:
        here = (*path, field)
        if field.type in bounds.TEXTS or is_list(field):
            yield here
        if field.message_type is not None and field.message_type not in {each.message_type for each in path}:
            yield from places(field.message_type, here)


def is_list(field: FieldDescriptor) -> bool:
    assert field.containing_type is not None
    container = getattr(message_class(field.containing_type)(), field.name)
    return hasattr(container, "append")


def message_class(kind: Descriptor) -> Any:
    return message_factory.GetMessageClass(kind)


PLACES = [
    Place(message_class(method.input_type), path) for method in SERVICE.methods for path in places(method.input_type)
]


def stuffed(place: Place, length: int) -> tuple[Message, str]:
    """Return a request in which one field has the given length, and the field's path as in a violation."""
    request = place.request()
    target: Any = request
    names = []
    for field in place.path[:-1]:
        target = getattr(target, field.name)
        names.append(field.name)
        if is_list(field):
            target = target.add()
            names[-1] += "[0]"
    last = place.path[-1]
    if not is_list(last):
        setattr(target, last.name, b"x" * length if last.type == FieldDescriptor.TYPE_BYTES else "x" * length)
    elif last.message_type is not None:
        for _ in range(length):
            getattr(target, last.name).add()
    elif last.type in bounds.TEXTS:
        getattr(target, last.name).extend(["x"] * length)
    else:
        getattr(target, last.name).extend([1] * length)
    return request, ".".join([*names, last.name])


def most(place: Place) -> int:
    field = place.path[-1]
    return bounds.EXCEPTIONS.get(field.full_name, bounds.MAX_ENTRIES if is_list(field) else bounds.MAX_TEXT_BYTES)


def test_there_are_fields_to_test() -> None:
    found = {str(place) for place in PLACES}
    assert {"ListLayersRequest.page_token", "RenderImageRequest.spec.objective.sum.terms"} <= found
    assert len(found) > 20


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_field_that_is_too_long_is_named(place: Place) -> None:
    fits, _ = stuffed(place, most(place))
    bounds.check(fits)
    request, path = stuffed(place, most(place) + 1)
    with pytest.raises(InvalidRequest) as refusal:
        bounds.check(request)
    (violation,) = refusal.value.violations
    assert violation.field == path
    assert str(most(place) + 1) in violation.problem
    assert str(most(place)) in violation.problem


def test_a_string_in_a_list_has_its_own_limit() -> None:
    request = ListValue()
    request.values.add().string_value = "x" * (bounds.MAX_TEXT_BYTES + 1)
    with pytest.raises(InvalidRequest, match=r"values\[0\]\.string_value: has 1025 bytes"):
        bounds.check(request)


def test_the_limit_counts_bytes_and_not_characters() -> None:
    bounds.check(wire.ListLayersRequest(model="x" * 1024))
    with pytest.raises(InvalidRequest):
        bounds.check(wire.ListLayersRequest(model="é" * 1024))


async def test_the_service_reports_the_limit(engine: Engine) -> None:
    request = wire.ListLayersRequest(model="x" * 2000, page_token="y" * 2000)
    async with (
        running(engine, Settings(listen="127.0.0.1:0")) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        call = channel.unary_unary("/reverie.v1.VisualizationService/ListLayers")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(request.SerializeToString(), timeout=20)
    refusal = Refusal(caught.value)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert [each.field for each in refusal.detail(rpc.BadRequest).field_violations] == ["model", "page_token"]
