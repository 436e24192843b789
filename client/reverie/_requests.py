"""Builds the request messages of ``render`` and ``stream`` from their arguments."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from numbers import Real
from typing import Any, TypeVar

from reverie_proto.names import check_options
from reverie_proto.options import FIELDS, Problem, SpecOptions, write, write_channel
from reverie_proto.scalars import shown
from reverie_proto.v1 import visualization_pb2 as wire

from reverie._options import RenderOptions, StreamOptions
from reverie.errors import UsageError, refuse

NOT_SENT = "The request was not sent."

# The longest timeout that gRPC can represent safely.
LONGEST_S = 1e9

Request = TypeVar("Request", wire.RenderImageRequest, wire.StreamRenderRequest)


def render_request(
    model: str | None, layer: str | None, channel: int | str | None, options: RenderOptions
) -> wire.RenderImageRequest:
    """Build the message that ``render`` sends."""
    check_options("render", options, StreamOptions.__annotations__)
    # progress_every has no effect here but is accepted, so that one set of options works for both calls.
    known = {name: value for name, value in options.items() if name != "progress_every"}
    return _filled(wire.RenderImageRequest(request_id=new_id()), model, layer, channel, known)


def stream_request(
    model: str | None, layer: str | None, channel: int | str | None, options: StreamOptions
) -> wire.StreamRenderRequest:
    """Build the message that ``stream`` sends."""
    check_options("stream", options, StreamOptions.__annotations__)
    return _filled(wire.StreamRenderRequest(request_id=new_id()), model, layer, channel, options)


def new_id() -> str:
    """Return a new request id; repeating a request with the same id joins the first attempt."""
    return str(uuid.uuid4())


def timeout_problems(options: Mapping[str, Any]) -> list[Problem]:
    """Return the problems with the option ``timeout``, if there are any; None means no limit."""
    seconds = options.get("timeout")
    if seconds is None:
        return []
    with suppress(OverflowError):  # an integer that is larger than any float
        if isinstance(seconds, Real) and not isinstance(seconds, bool) and 0 <= float(seconds) < LONGEST_S:
            return []
    return [
        Problem("timeout", f"{shown(seconds)} is not a number of seconds below {LONGEST_S:g}, nor None for no limit")
    ]


def _filled(
    request: Request, model: str | None, layer: str | None, channel: int | str | None, options: Mapping[str, Any]
) -> Request:
    """Fill a request from the arguments; raise InvalidRequest with every value that cannot be sent."""
    if options.keys() & {"frame_size", "frame_format"} and not options.keys() & {"frames_every", "frames_at"}:
        raise UsageError("No frames are asked for: add frames_every= or frames_at=.")
    problems = _write_picture(request, model, layer, channel, options)
    for name, path in FIELDS.items():
        if name in options and name not in ("spec", "objective"):
            problems += write(request, path, options[name])
    refuse(NOT_SENT, problems + timeout_problems(options))
    return request


def _write_picture(
    request: Request, model: str | None, layer: str | None, channel: int | str | None, options: Mapping[str, Any]
) -> list[Problem]:
    """Write the picture to render, which is given by a spec, an objective, or a layer and a channel."""
    if "spec" in options:
        given = options.keys() & {"objective", *SpecOptions.__annotations__}
        if given or any(each is not None for each in (model, layer, channel)):
            raise UsageError("spec= describes the whole picture: change it with dataclasses.replace(spec, ...).")
        return write(request, "spec", options["spec"])
    if model is None:
        raise UsageError("Name the model to render, or give a spec=.")
    problems = write(request, "spec.model", model)
    if "objective" in options:
        if layer is not None or channel is not None:
            raise UsageError("Give either a layer and a channel or objective=, not both.")
        return problems + write(request, "spec.objective", options["objective"])
    if layer is None or channel is None:
        raise UsageError("Say what to render: a layer and a channel, or objective=.")
    return problems + write_channel(request.spec.objective, layer, channel, at="spec.objective.")
