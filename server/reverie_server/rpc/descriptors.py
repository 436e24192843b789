"""Messages of gRPC's own services, health and reflection, defined here instead of by their packages.

Tried: `grpcio-health-checking>=1.62` and `grpcio-reflection>=1.62` on protobuf 4.25 to 7.36 (table in docs/serving.md).
For protobuf 5.26 to 5.28 and 6.30 pip installs releases whose generated code refuses to load. None of these releases
serves reflection v1, only the newest has Health.List, and with all of them an open Health.Watch keeps a server from
stopping until its grace is over.

Two copies of one definition in protobuf's default pool are a fatal error, and a host may have those packages. So the
definitions are in a separate pool; on the wire they are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    EnumValueDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MessageOptions,
    MethodDescriptorProto,
    OneofDescriptorProto,
    ServiceDescriptorProto,
)
from google.protobuf.message import Message

SCALARS = {
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "string": FieldDescriptorProto.TYPE_STRING,
}


class PrivateFile:
    """A .proto file in a separate descriptor pool."""

    def __init__(
        self,
        name: str,
        package: str,
        messages: Sequence[DescriptorProto],
        services: Sequence[ServiceDescriptorProto],
    ) -> None:
        proto = FileDescriptorProto(
            name=name, package=package, syntax="proto3", message_type=messages, service=services
        )
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(proto.SerializeToString())
        self.descriptor: FileDescriptor = pool.FindFileByName(name)

    def message(self, name: str) -> type[Message]:
        """Return the class of one of its messages."""
        return message_factory.GetMessageClass(self.descriptor.message_types_by_name[name])


def message(
    name: str, *fields: FieldDescriptorProto, nested: Sequence[DescriptorProto] = (), oneof: str = ""
) -> DescriptorProto:
    """Describe a message; with `oneof`, its fields that were marked belong to that group."""
    groups = [OneofDescriptorProto(name=oneof)] if oneof else []
    return DescriptorProto(name=name, field=fields, nested_type=nested, oneof_decl=groups)


def field(name: str, number: int, kind: str, *, repeated: bool = False, oneof: bool = False) -> FieldDescriptorProto:
    """Describe a field of a scalar kind, or of the message named `.package.Message`."""
    described = FieldDescriptorProto(
        name=name,
        number=number,
        label=FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL,
    )
    if kind in SCALARS:
        described.type = SCALARS[kind]
    else:
        described.type, described.type_name = FieldDescriptorProto.TYPE_MESSAGE, kind
    if oneof:
        described.oneof_index = 0
    return described


def enum_message(name: str, field_name: str, enum_name: str, full_name: str, values: Sequence[str]) -> DescriptorProto:
    """Describe a message of one field, an enum defined inside of it, whose values count from 0."""
    enum = EnumDescriptorProto(
        name=enum_name,
        value=[EnumValueDescriptorProto(name=value, number=number) for number, value in enumerate(values)],
    )
    described = FieldDescriptorProto(
        name=field_name,
        number=1,
        label=FieldDescriptorProto.LABEL_OPTIONAL,
        type=FieldDescriptorProto.TYPE_ENUM,
        type_name=full_name,
    )
    return DescriptorProto(name=name, field=[described], enum_type=[enum])


def map_message(name: str, field_name: str, full_name: str, value: str) -> DescriptorProto:
    """Describe a message of one field, a map from strings to the message named `value`."""
    entry_name = field_name.capitalize() + "Entry"
    entry = message(entry_name, field("key", 1, "string"), field("value", 2, value))
    entry.options.CopyFrom(MessageOptions(map_entry=True))
    return message(name, field(field_name, 1, f"{full_name}.{entry_name}", repeated=True), nested=[entry])


def method(name: str, takes: str, returns: str, *, streams: str = "") -> MethodDescriptorProto:
    """Describe a method; `streams` names its streaming sides: "", "out" or "in out"."""
    return MethodDescriptorProto(
        name=name,
        input_type=takes,
        output_type=returns,
        client_streaming="in" in streams.split(),
        server_streaming="out" in streams.split(),
    )


def service(name: str, *methods: MethodDescriptorProto) -> ServiceDescriptorProto:
    """Describe a service."""
    return ServiceDescriptorProto(name=name, method=methods)
