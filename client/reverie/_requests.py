"""The messages that the words of ``render`` and ``stream`` become."""

from __future__ import annotations

import uuid
from typing import Any

from google.protobuf.message import Message
from reverie_proto.v1 import spec_pb2
from reverie_proto.v1 import visualization_pb2 as wire

from reverie import spec
from reverie._options import Priority, RenderOptions, SpecOptions, StreamOptions
from reverie.errors import Details, InvalidRequest, UsageError, Violation
from reverie.objectives import objective_of
from reverie.pictures import ImageFormat
from reverie.spec import Spec

CACHE_MODES = {"use": wire.CACHE_MODE_USE, "bypass": wire.CACHE_MODE_BYPASS, "only": wire.CACHE_MODE_ONLY}


def render_request(
    model: str | None, layer: str | None, channel: int | str | None, options: RenderOptions
) -> wire.RenderImageRequest:
    """The message that ``render`` sends."""
    return wire.RenderImageRequest(**_common(model, layer, channel, options))


def stream_request(
    model: str | None, layer: str | None, channel: int | str | None, options: StreamOptions
) -> wire.StreamRenderRequest:
    """The message that ``stream`` sends."""
    request = wire.StreamRenderRequest(**_common(model, layer, channel, options))
    if (every := options.get("progress_every")) is not None:
        _assign(request, "progress_every_steps", every)
    return request


def new_id() -> str:
    """A name for a request: whoever repeats the request under it joins the first attempt."""
    return str(uuid.uuid4())


def _common(
    model: str | None, layer: str | None, channel: int | str | None, options: RenderOptions | StreamOptions
) -> dict[str, Any]:
    known = StreamOptions.__annotations__
    if unknown := options.keys() - known:
        raise TypeError(f"unexpected arguments: {', '.join(sorted(unknown))}")
    fields: dict[str, Any] = {"spec": spec.to_message(_spec(model, layer, channel, options))}
    if "format" in options:
        fields["format"] = _format("format", options["format"])
    if frames := _frames(options):
        fields["frames"] = frames
    if "priority" in options:
        fields["priority"] = _priority(options["priority"])
    if "cache" in options:
        fields["cache"] = _cache(options["cache"])
    return fields | {"request_id": new_id()}


def _spec(model: str | None, layer: str | None, channel: int | str | None, options: RenderOptions) -> Spec:
    described = {name: options[name] for name in SpecOptions.__annotations__ if name in options}  # type: ignore[literal-required]
    if "spec" in options:
        if model is not None or described or "objective" in options:
            raise UsageError("spec= describes the whole picture: change it with dataclasses.replace(spec, ...).")
        return options["spec"]
    if model is None:
        raise UsageError("Name the model to render, or give a spec=.")
    if "objective" in options:
        if layer is not None or channel is not None:
            raise UsageError("Give either a layer and a channel or objective=, not both.")
        return Spec(model, options["objective"], **described)
    if layer is None or channel is None:
        raise UsageError("Say what to render: a layer and a channel, or objective=.")
    return Spec(model, objective_of(layer, channel), **described)


def _frames(options: RenderOptions | StreamOptions) -> spec_pb2.FrameRequest | None:
    if "frames_every" not in options and "frames_at" not in options:
        if "frame_size" in options or "frame_format" in options:
            raise UsageError("No frames are asked for: add frames_every= or frames_at=.")
        return None
    frames = spec_pb2.FrameRequest()
    if "frames_every" in options:
        _assign(frames, "every_steps", options["frames_every"])
    if "frames_at" in options:
        _assign(frames, "steps", list(options["frames_at"]))
    if "frame_size" in options:
        _assign(frames, "max_size_px", options["frame_size"])
    if "frame_format" in options:
        frames.format = _format("frames.format", options["frame_format"])
    return frames


def _assign(message: Message, field: str, value: Any) -> None:
    try:
        if isinstance(value, list):
            getattr(message, field).extend(value)
        else:
            setattr(message, field, value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _unsendable(field, f"{value!r} cannot be sent: {error}") from None


def _cache(value: str) -> Any:
    if value not in CACHE_MODES:
        raise _unsendable("cache", f"{value!r} is none of {', '.join(CACHE_MODES)}")
    return CACHE_MODES[value]


def _format(field: str, value: ImageFormat | str) -> Any:
    try:
        return spec_pb2.ImageFormat.Value(f"IMAGE_FORMAT_{ImageFormat(value).name}")
    except ValueError:
        raise _unsendable(field, f"{value!r} is none of {', '.join(ImageFormat)}") from None


def _priority(value: Priority | str) -> Any:
    try:
        return wire.Priority.Value(f"PRIORITY_{Priority(value).name}")
    except ValueError:
        raise _unsendable("priority", f"{value!r} is none of {', '.join(Priority)}") from None


def _unsendable(field: str, description: str) -> InvalidRequest:
    return InvalidRequest("The request was not sent.", Details(violations=(Violation(field, description),)))
