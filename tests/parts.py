"""Parts of specs as messages, with the server's defaults."""

from __future__ import annotations

from reverie_proto.v1 import optimizer_pb2, parametrization_pb2, transform_pb2

FOURIER = parametrization_pb2.Parametrization(fourier=parametrization_pb2.FourierParametrization())
PIXEL = parametrization_pb2.Parametrization(pixel=parametrization_pb2.PixelParametrization())
NONE, LUCID = (transform_pb2.Transforms(set=name) for name in ("none", "lucid"))
CONSTANT = optimizer_pb2.Schedule(constant=optimizer_pb2.ConstantSchedule())
ONE_CYCLE = optimizer_pb2.Schedule(one_cycle=optimizer_pb2.OneCycleSchedule())
