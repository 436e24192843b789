"""Server reflection, called as grpcurl calls it: without any definitions."""

from __future__ import annotations

from typing import Any, cast

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from reverie_proto.v1 import visualization_pb2
from reverie_server.rpc import reflection
from reverie_server.rpc.reflection import FILES, PACKAGES, add_reflection

from tests.server.hosts import hosted

SERVICE = "reverie.v1.VisualizationService"

# A name, and the file that defines it.
FOUND = [
    ("file_by_filename", "reverie/v1/visualization.proto", "reverie/v1/visualization.proto"),
    ("file_by_filename", "reverie/v1/spec.proto", "reverie/v1/spec.proto"),
    ("file_containing_symbol", SERVICE, "reverie/v1/visualization.proto"),
    ("file_containing_symbol", f"{SERVICE}.RenderImage", "reverie/v1/visualization.proto"),
    ("file_containing_symbol", "reverie.v1.RenderSpec", "reverie/v1/spec.proto"),
    ("file_containing_symbol", "reverie.v1.RenderSpec.seed", "reverie/v1/spec.proto"),
    ("file_containing_symbol", "reverie.v1.ImageFormat", "reverie/v1/spec.proto"),
    ("file_containing_symbol", "reverie.v1.IMAGE_FORMAT_PNG", "reverie/v1/spec.proto"),
    ("file_containing_symbol", "grpc.reflection.v1.ServerReflection", "grpc/reflection/v1/reflection.proto"),
]

NOT_FOUND = [
    ("file_by_filename", "reverie/v2/visualization.proto"),
    ("file_by_filename", ""),
    ("file_containing_symbol", "reverie.v1.Nothing"),
    ("all_extension_numbers_of_type", "reverie.v1.Nothing"),
]


async def ask(package: str, *questions: dict[str, Any]) -> list[Any]:
    """Send requests to a real server in one call."""
    request, response = (FILES[package].message(f"ServerReflection{side}") for side in ("Request", "Response"))
    async with hosted(lambda server: add_reflection(server, visualization_pb2.DESCRIPTOR)) as channel:
        method = f"/{package}.ServerReflection/ServerReflectionInfo"
        call = channel.stream_stream(method, request.SerializeToString, response.FromString)
        return [answer async for answer in call(iter([request(**question) for question in questions]))]


def files(answer: Any) -> list[FileDescriptorProto]:
    return [FileDescriptorProto.FromString(file) for file in answer.file_descriptor_response.file_descriptor_proto]


@pytest.mark.parametrize("package", PACKAGES)
async def test_the_services_are_listed_by_name(package: str) -> None:
    (answer,) = await ask(package, {"list_services": ""})
    assert [each.name for each in answer.list_services_response.service] == [
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        SERVICE,
    ]


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize(("question", "name", "file"), FOUND)
async def test_a_name_returns_the_file_that_defines_it(package: str, question: str, name: str, file: str) -> None:
    (answer,) = await ask(package, {question: name})
    assert files(answer)[0].name == file
    assert getattr(answer.original_request, question) == name


@pytest.mark.parametrize(("question", "name"), NOT_FOUND)
async def test_an_unknown_name_is_an_error_response_and_the_call_continues(question: str, name: str) -> None:
    refusal, after = await ask(PACKAGES[0], {question: name}, {"list_services": ""})
    assert refusal.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert after.list_services_response.service


async def test_extensions_are_empty_because_proto3_has_none() -> None:
    numbers, extension, nothing = await ask(
        PACKAGES[0],
        {"all_extension_numbers_of_type": "reverie.v1.RenderSpec"},
        {"file_containing_extension": {"containing_type": "reverie.v1.RenderSpec", "extension_number": 1}},
        {},
    )
    assert list(numbers.all_extension_numbers_response.extension_number) == []
    assert extension.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert nothing.error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


async def test_the_responses_suffice_to_build_a_request() -> None:
    """As grpcurl does: load the files, then build messages."""
    (answer,) = await ask(PACKAGES[0], {"file_containing_symbol": SERVICE})
    pool = descriptor_pool.DescriptorPool()
    for file in reversed(files(answer)):  # dependencies come last in the response
        pool.AddSerializedFile(file.SerializeToString())
    method = pool.FindServiceByName(SERVICE).FindMethodByName("RenderImage")
    request = cast("Any", message_factory.GetMessageClass(method.input_type))()
    request.spec.objective.channel.layer = "conv4_3"
    assert visualization_pb2.RenderImageRequest.FromString(request.SerializeToString()).spec.objective.channel.layer


def test_both_versions_have_the_same_bytes() -> None:
    old, new = (FILES[package].message("ServerReflectionRequest") for package in reversed(PACKAGES))
    question = new(file_by_filename="a.proto")
    assert old.FromString(question.SerializeToString()).SerializeToString() == question.SerializeToString()


def test_no_definition_of_grpc_is_left_in_the_default_pool() -> None:
    """Otherwise a host with grpcio-reflection or grpcio-health-checking would fail with a duplicate definition."""
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindFileByName(next(iter(reflection.FILES.values())).descriptor.name)
