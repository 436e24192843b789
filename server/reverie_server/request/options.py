"""Turns the options of `Engine.render` and `Engine.stream`, which equal the client's, into a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reverie_proto.names import check_options
from reverie_proto.options import FIELDS, DeliveryOptions, Writable, write, write_channel
from reverie_proto.v1 import objective_pb2, spec_pb2
from reverie_proto.v1.visualization_pb2 import StreamRenderRequest

from reverie_server.errors import Violation


class RenderOptions(DeliveryOptions, total=False):
    """The options besides a model, a layer and a channel: all of `DeliveryOptions`, and these.

    =============== ====================================================================================
    objective       instead of layer and channel: `reverie.channel(...)` and the like, or an Objective message
    spec            instead of all that describes the picture: a `reverie.Spec`, or a RenderSpec message
    progress_every  steps between two events of progress (without it, ten events a second at most)
    =============== ====================================================================================
    """

    objective: Writable | objective_pb2.Objective
    spec: Writable | spec_pb2.RenderSpec
    progress_every: int


def render_request(
    model: str | None, layer: str | None, channel: int | str | None, options: RenderOptions | Mapping[str, Any]
) -> tuple[StreamRenderRequest, list[Violation]]:
    """Return the request, and a violation for each value that it cannot hold; raise TypeError for a wrong call."""
    check_options("stream", options, RenderOptions.__annotations__)
    if (layer is None) != (channel is None) or (layer is None) == (options.keys().isdisjoint({"objective", "spec"})):
        raise TypeError("say what to render: a layer and a channel, or objective=, or spec=")
    request = StreamRenderRequest()
    given: dict[str, Any] = dict(options) if model is None else {"model": model, **options}
    problems = [
        problem for name, path in FIELDS.items() if name in given for problem in write(request, path, given[name])
    ]
    if layer is not None:
        problems += write_channel(request.spec.objective, layer, channel, at="spec.objective.")
    return request, [Violation(problem.field, problem.description) for problem in problems]
