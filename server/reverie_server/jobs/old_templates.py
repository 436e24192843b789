"""Reads the templates of jobs that earlier versions wrote, in which some settings were numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from reverie_proto.v1 import jobs_pb2, optimizer_pb2, parametrization_pb2, spec_pb2, transform_pb2

#: The settings of a RenderSpec of earlier versions, by field number and value.
SETTINGS: Mapping[int, Mapping[int, spec_pb2.RenderSpec]] = {
    9: {
        1: spec_pb2.RenderSpec(
            parametrization=parametrization_pb2.Parametrization(fourier=parametrization_pb2.FourierParametrization())
        ),
        2: spec_pb2.RenderSpec(
            parametrization=parametrization_pb2.Parametrization(pixel=parametrization_pb2.PixelParametrization())
        ),
    },
    10: {
        1: spec_pb2.RenderSpec(transforms=transform_pb2.Transforms(set="none")),
        2: spec_pb2.RenderSpec(transforms=transform_pb2.Transforms(set="lucid")),
    },
    11: {
        1: spec_pb2.RenderSpec(schedule=optimizer_pb2.Schedule(constant=optimizer_pb2.ConstantSchedule())),
        2: spec_pb2.RenderSpec(schedule=optimizer_pb2.Schedule(one_cycle=optimizer_pb2.OneCycleSchedule())),
    },
}


def with_settings(request: bytes) -> bytes | None:
    """Return a request whose template has today's fields for the numbers of an earlier version; None if it has none.

    A request that cannot be read stays as it is: whoever reads it later reports the damage.
    """
    try:
        message = jobs_pb2.CreateRenderJobRequest.FromString(request)
    except DecodeError:
        return None
    unknown: Any = UnknownFieldSet(message.template)
    found = [SETTINGS[field.field_number].get(field.data) for field in unknown if field.field_number in SETTINGS]
    if not found:
        return None
    message.template.DiscardUnknownFields()
    for setting in found:
        if setting is not None:
            message.template.MergeFrom(setting)
    return message.SerializeToString()
