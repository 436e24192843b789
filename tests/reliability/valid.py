"""Strategies for valid requests of each method: small pictures of the tests' tiny model with few steps."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from hypothesis import strategies as some
from reverie_proto.v1 import jobs_pb2, objective_pb2, spec_pb2, visualization_pb2

from tests import parts
from tests.sizes import square

#: The requested layers, with their channels. Few, and at one size, because loading a program takes the longest.
CHANNELS = {"conv1_1": 6, "logits": 5}
SIZE = 16
LABELS = ["ring", "stripe", "dot", "leaf", "shell"]
MAX_STEPS = 3

Strategy = some.SearchStrategy[Any]


def requests(method: str, *, job: str) -> Strategy:
    """Return a strategy for valid requests of a method; `job` is the id of a job that the server has a record of."""
    return VALID[method](job)


@some.composite
def _objective(draw: some.DrawFn) -> objective_pb2.Objective:
    layer = draw(some.sampled_from(list(CHANNELS)))
    channel = draw(some.integers(0, CHANNELS[layer] - 1))
    by_channel = objective_pb2.Objective(channel=objective_pb2.ChannelObjective(layer=layer, channel=channel))
    vector = [float(i == channel) for i in range(CHANNELS[layer])]
    kinds = [
        by_channel,
        objective_pb2.Objective(layer=objective_pb2.LayerObjective(layer=layer)),
        objective_pb2.Objective(direction=objective_pb2.DirectionObjective(layer=layer, vector=vector)),
        objective_pb2.Objective(logit=objective_pb2.LogitObjective(label=draw(some.sampled_from(LABELS)))),
        objective_pb2.Objective(
            sum=objective_pb2.SumObjective(
                terms=[
                    objective_pb2.WeightedObjective(
                        objective=by_channel, weight=draw(some.sampled_from([-1.0, 0.5, 2.0]))
                    )
                ]
            )
        ),
    ]
    if layer != "logits":  # it has no positions
        position = {"y": draw(some.integers(0, 7)), "x": draw(some.integers(0, 7))}
        neuron = objective_pb2.NeuronObjective(layer=layer, channel=channel, **position)
        kinds.append(objective_pb2.Objective(neuron=neuron))
    return draw(some.sampled_from(kinds))


def _set(message: Any, draw: some.DrawFn, choices: dict[str, list[Any]]) -> None:
    """Set some of the optional fields to one of their values."""
    for field, values in choices.items():
        if draw(some.booleans()):
            value = draw(some.sampled_from(values))
            if isinstance(value, Message):
                getattr(message, field).CopyFrom(value)
            else:
                setattr(message, field, value)


@some.composite
def _spec(draw: some.DrawFn) -> spec_pb2.RenderSpec:
    spec = spec_pb2.RenderSpec(
        model="tiny",
        objective=draw(_objective()),
        size=square(SIZE),
        steps=draw(some.integers(1, MAX_STEPS)),
    )
    choices: dict[str, list[Any]] = {
        "learning_rate": [0.01, 0.5],
        "seed": [0, 1, 2**32 - 1],
        "preset": ["reverie", "quick", "lucid"],
        "parametrization": [parts.FOURIER, parts.PIXEL],
        "transforms": [parts.NONE, parts.LUCID],
        "schedule": [parts.CONSTANT, parts.ONE_CYCLE],
    }
    _set(spec, draw, choices)
    return spec


FORMATS = [number for number in spec_pb2.ImageFormat.values() if number]


@some.composite
def _render(draw: some.DrawFn, kind: Callable[..., Any]) -> Any:
    request = kind(spec=draw(_spec()))
    choices: dict[str, list[Any]] = {
        "format": FORMATS,
        "priority": [visualization_pb2.PRIORITY_INTERACTIVE, visualization_pb2.PRIORITY_BATCH],
        "cache": [visualization_pb2.CACHE_MODE_USE, visualization_pb2.CACHE_MODE_BYPASS],
    }
    if kind is visualization_pb2.StreamRenderRequest:
        choices["progress_every_steps"] = [1, 2]
    _set(request, draw, choices)
    if draw(some.booleans()):
        request.request_id = str(_uuid(draw))
    if draw(some.integers(0, 3)) == 0:
        request.frames.every_steps = draw(some.integers(1, 2))
        _set(request.frames, draw, {"max_size_px": [1, 16], "format": FORMATS})
    return request


def _uuid(draw: some.DrawFn) -> uuid.UUID:
    return uuid.UUID(int=draw(some.integers(0, 2**128 - 1)), version=4)


@some.composite
def _create(draw: some.DrawFn) -> jobs_pb2.CreateRenderJobRequest:
    template = draw(_spec())
    template.ClearField("objective")
    names = draw(some.lists(some.sampled_from(list(CHANNELS)), min_size=1, max_size=2, unique=True))
    first = draw(some.integers(0, 3))
    channels = [jobs_pb2.ChannelRange(first=first, last=first + draw(some.integers(0, 1)))]
    layers = [jobs_pb2.JobLayer(layer=name, channels=channels) for name in names]
    return jobs_pb2.CreateRenderJobRequest(template=template, layers=layers, request_id=str(_uuid(draw)))


def _page(kind: Callable[..., Any], **fixed: str) -> Strategy:
    return some.integers(0, 100).map(lambda size: kind(page_size=size, **fixed))


def _watch(job: str) -> Strategy:
    return some.integers(0, 9).map(lambda after: jobs_pb2.WatchRenderJobRequest(id=job, after_sequence=after))


#: The strategies by the name of the method.
VALID: dict[str, Callable[[str], Strategy]] = {
    "GetServerInfo": lambda job: some.just(visualization_pb2.GetServerInfoRequest()),
    "ListModels": lambda job: _page(visualization_pb2.ListModelsRequest),
    "ListLayers": lambda job: _page(visualization_pb2.ListLayersRequest, model="tiny"),
    "RenderImage": lambda job: _render(visualization_pb2.RenderImageRequest),
    "StreamRender": lambda job: _render(visualization_pb2.StreamRenderRequest),
    "CreateRenderJob": lambda job: _create(),
    "GetRenderJob": lambda job: some.just(jobs_pb2.GetRenderJobRequest(id=job)),
    "ListRenderJobs": lambda job: _page(jobs_pb2.ListRenderJobsRequest),
    "CancelRenderJob": lambda job: some.just(jobs_pb2.CancelRenderJobRequest(id=job)),
    "WatchRenderJob": _watch,
}
