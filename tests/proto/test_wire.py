"""Properties of the .proto files that callers rely on."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor import FieldDescriptor
from reverie_proto.v1 import spec_pb2, visualization_pb2

SERVICE = visualization_pb2.DESCRIPTOR.services_by_name["VisualizationService"]

SCALARS = set(range(1, 19)) - {FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_GROUP}


def test_files_keep_their_names_on_the_wire() -> None:
    assert visualization_pb2.DESCRIPTOR.name == "reverie/v1/visualization.proto"
    assert visualization_pb2.DESCRIPTOR.package == "reverie.v1"


@pytest.mark.parametrize("method", list(SERVICE.methods), ids=lambda method: method.name)
def test_every_call_works_in_grpc_web(method: object) -> None:
    """Browser transports support only unary calls and server streams."""
    assert not getattr(method, "client_streaming")  # noqa: B009 - absent from the oldest type stubs


@pytest.mark.parametrize("field", list(spec_pb2.RenderSpec.DESCRIPTOR.fields), ids=lambda field: field.name)
def test_a_field_of_the_spec_with_a_default_can_be_left_out(field: FieldDescriptor) -> None:
    """Zero and absent must differ: absent means the default, and zero is a value."""
    if field.type in SCALARS and field.name != "model":
        assert field.has_presence


def test_every_enum_starts_with_unspecified() -> None:
    enums = spec_pb2.DESCRIPTOR.enum_types_by_name
    assert enums
    assert [name for name, enum in enums.items() if not enum.values_by_number[0].name.endswith("_UNSPECIFIED")] == []


def test_a_spec_is_unchanged_by_serialisation() -> None:
    spec = spec_pb2.RenderSpec(model="vgg19", steps=0)
    spec.objective.channel.layer = "conv4_3"
    spec.objective.channel.channel = 17
    again = spec_pb2.RenderSpec.FromString(spec.SerializeToString())
    assert again == spec
    assert again.HasField("steps")
    assert not again.HasField("seed")
