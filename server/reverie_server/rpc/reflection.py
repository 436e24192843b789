"""Server reflection, v1 and v1alpha: tools such as grpcurl read the API from the server, without .proto files."""

# ruff: noqa: N802 - methods are called what the .proto file calls them

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from graphlib import TopologicalSorter
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto

from reverie_server.rpc.descriptors import PrivateFile, field, message, method, service
from reverie_server.rpc.handlers import service_handler

#: The same messages under two names: old tools call v1alpha, new ones try v1 first.
PACKAGES = ("grpc.reflection.v1", "grpc.reflection.v1alpha")


def _reflection_file(package: str) -> PrivateFile:
    def of(name: str) -> str:
        return f".{package}.{name}"

    return PrivateFile(
        f"{package.replace('.', '/')}/reflection.proto",
        package,
        [
            message(
                "ServerReflectionRequest",
                field("host", 1, "string"),
                field("file_by_filename", 3, "string", oneof=True),
                field("file_containing_symbol", 4, "string", oneof=True),
                field("file_containing_extension", 5, of("ExtensionRequest"), oneof=True),
                field("all_extension_numbers_of_type", 6, "string", oneof=True),
                field("list_services", 7, "string", oneof=True),
                oneof="message_request",
            ),
            message("ExtensionRequest", field("containing_type", 1, "string"), field("extension_number", 2, "int32")),
            message(
                "ServerReflectionResponse",
                field("valid_host", 1, "string"),
                field("original_request", 2, of("ServerReflectionRequest")),
                field("file_descriptor_response", 4, of("FileDescriptorResponse"), oneof=True),
                field("all_extension_numbers_response", 5, of("ExtensionNumberResponse"), oneof=True),
                field("list_services_response", 6, of("ListServiceResponse"), oneof=True),
                field("error_response", 7, of("ErrorResponse"), oneof=True),
                oneof="message_response",
            ),
            message("FileDescriptorResponse", field("file_descriptor_proto", 1, "bytes", repeated=True)),
            message(
                "ExtensionNumberResponse",
                field("base_type_name", 1, "string"),
                field("extension_number", 2, "int32", repeated=True),
            ),
            message("ListServiceResponse", field("service", 1, of("ServiceResponse"), repeated=True)),
            message("ServiceResponse", field("name", 1, "string")),
            message("ErrorResponse", field("error_code", 1, "int32"), field("error_message", 2, "string")),
        ],
        [
            service(
                "ServerReflection",
                method(
                    "ServerReflectionInfo",
                    of("ServerReflectionRequest"),
                    of("ServerReflectionResponse"),
                    streams="in out",
                ),
            )
        ],
    )


FILES = {package: _reflection_file(package) for package in PACKAGES}


class DescriptorIndex:
    """The files that describe a server's services, by file name and by every name they define."""

    def __init__(self, files: Iterable[FileDescriptor]) -> None:
        self.services: list[str] = []
        self._files: dict[str, FileDescriptor] = {}
        self._symbols: dict[str, str] = {}
        for file in files:
            self.services += [described.full_name for described in file.services_by_name.values()]
            self._add(file)

    def _add(self, file: FileDescriptor) -> None:
        if file.name in self._files:
            return
        self._files[file.name] = file
        self._symbols |= dict.fromkeys(symbols(_proto(file)), file.name)
        for needed in file.dependencies:
            self._add(needed)

    def by_name(self, name: str) -> list[bytes] | None:
        """Return a file and all files that it imports, serialised, each before those that it imports.

        None if there is no such file.
        """
        if name not in self._files:
            return None
        needs: dict[str, list[str]] = {}
        pending = [self._files[name]]
        while pending:
            file = pending.pop()
            if file.name not in needs:
                needs[file.name] = [each.name for each in file.dependencies]
                pending += file.dependencies
        order = reversed(tuple(TopologicalSorter(needs).static_order()))
        return [_proto(self._files[each]).SerializeToString() for each in order]

    def by_symbol(self, symbol: str) -> list[bytes] | None:
        """Return the file that defines a name, in the form of `by_name`; None if no file does."""
        return self.by_name(self._symbols.get(symbol, ""))

    def defines(self, symbol: str) -> bool:
        """Return whether some file defines a name."""
        return symbol in self._symbols


def _proto(file: FileDescriptor) -> FileDescriptorProto:
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    return proto


def symbols(file: FileDescriptorProto) -> Iterator[str]:
    """Yield the full name of everything a file defines: messages, fields, enums, services and methods."""

    def inside(described: DescriptorProto, scope: str) -> Iterator[str]:
        name = f"{scope}.{described.name}"
        yield name
        yield from (f"{name}.{each.name}" for each in described.field)
        yield from (f"{name}.{each.name}" for each in described.oneof_decl)
        yield from enums(described.enum_type, name)
        for nested in described.nested_type:
            yield from inside(nested, name)

    def enums(described: Iterable[EnumDescriptorProto], scope: str) -> Iterator[str]:
        for enum in described:
            yield f"{scope}.{enum.name}"
            # In protobuf the values of an enum are its siblings.
            yield from (f"{scope}.{each.name}" for each in enum.value)

    for described in file.message_type:
        yield from inside(described, file.package)
    yield from enums(file.enum_type, file.package)
    for offered in file.service:
        yield f"{file.package}.{offered.name}"
        yield from (f"{file.package}.{offered.name}.{each.name}" for each in offered.method)


class Reflection:
    """One version of the service, over an index of files."""

    def __init__(self, package: str, index: DescriptorIndex) -> None:
        self._package = package
        self._index = index
        self._response: Any = FILES[package].message("ServerReflectionResponse")

    async def ServerReflectionInfo(
        self, requests: AsyncIterator[Any], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[Any]:
        """Answer each request of the stream in turn."""
        async for request in requests:
            yield self.answer(request)

    def answer(self, request: Any) -> Any:
        """Return the response to one request; for an unknown name it holds an error, and the call stays open."""
        response = self._response(valid_host=request.host, original_request=request)
        kind = request.WhichOneof("message_request")
        if kind == "list_services":
            for name in sorted(self._index.services):
                response.list_services_response.service.add(name=name)
        elif kind == "file_by_filename":
            self._files(response, request.file_by_filename, self._index.by_name(request.file_by_filename))
        elif kind == "file_containing_symbol":
            symbol = request.file_containing_symbol
            self._files(response, symbol, self._index.by_symbol(symbol))
        elif kind == "all_extension_numbers_of_type" and self._index.defines(request.all_extension_numbers_of_type):
            # proto3 messages have no extensions: the list stays empty.
            response.all_extension_numbers_response.base_type_name = request.all_extension_numbers_of_type
        elif kind is None:
            _refuse(response, grpc.StatusCode.INVALID_ARGUMENT, "the request asks for nothing")
        else:
            _refuse(response, grpc.StatusCode.NOT_FOUND, "no such extension or type")
        return response

    def _files(self, response: Any, name: str, files: Sequence[bytes] | None) -> None:
        if files is None:
            _refuse(response, grpc.StatusCode.NOT_FOUND, f"nothing here is named {name[:200]!r}")
        else:
            response.file_descriptor_response.file_descriptor_proto.extend(files)

    def add_to(self, server: grpc.aio.Server) -> None:
        """Mount the service."""
        service = FILES[self._package].descriptor.services_by_name["ServerReflection"]
        server.add_generic_rpc_handlers((service_handler(service, self),))


def _refuse(response: Any, code: grpc.StatusCode, message: str) -> None:
    response.error_response.error_code = code.value[0]
    response.error_response.error_message = message


def add_reflection(server: grpc.aio.Server, *files: FileDescriptor) -> None:
    """Mount both versions of reflection over the services of some files, and over reflection itself."""
    index = DescriptorIndex([*files, *(file.descriptor for file in FILES.values())])
    for package in PACKAGES:
        Reflection(package, index).add_to(server)
