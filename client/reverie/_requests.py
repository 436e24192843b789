"""The words of ``render`` and ``stream``, and the messages that they become."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Sequence
from typing import Any, TypedDict

from google.protobuf.message import Message
from reverie_proto.v1 import spec_pb2
from reverie_proto.v1 import visualization_pb2 as wire

from reverie import spec
from reverie.errors import Details, InvalidRequest, UsageError, Violation
from reverie.objectives import Objective, objective_of
from reverie.pictures import ImageFormat
from reverie.spec import Spec


class Priority(enum.StrEnum):
    """Who goes first when many renders want the device."""

    INTERACTIVE = "interactive"  # somebody waits for the picture
    BATCH = "batch"  # nobody does


class RenderOptions(TypedDict, total=False):
    """What ``render`` takes beside a model, a layer and a channel. Whatever is left out is the server's default.

    ============== ====================================================================================================
    objective      instead of layer and channel: a term or a sum of :mod:`reverie.objectives`
    spec           instead of all that describes the picture: a :class:`Spec`, such as ``rendering.spec``
    size           width and height in pixels (224)
    steps          steps of gradient ascent (the preset's)
    seed           of the first noise and of every random transform (0: the same request gives the same picture)
    learning_rate  step size of Adam (the preset's)
    preset         name of a preset, which supplies whatever is left out ("reverie")
    parametrization "fourier" or "pixel" (the preset's)
    transforms     "none" or "lucid" (the preset's)
    schedule       of the step size: "constant" or "one_cycle" (the preset's)
    format         "png", "webp", "jpeg" or "raw": how the picture travels ("png")
    frames_every   return every n-th picture on the way
    frames_at      return the pictures after these numbers of steps; 0 is the first noise
    frame_size     scale frames down to this many pixels
    frame_format   as ``format``, for frames ("png")
    priority       "interactive", or "batch", which gives way to the others ("interactive")
    cache          of the server's finished pictures: "use", "bypass" (render again) or "only" (never render) ("use")
    timeout        seconds that the call may take (the client's; without one, no limit)
    ============== ====================================================================================================
    """

    objective: Objective
    spec: Spec
    size: int
    steps: int
    seed: int
    learning_rate: float
    preset: str
    parametrization: str
    transforms: str
    schedule: str
    format: ImageFormat | str
    frames_every: int
    frames_at: Sequence[int]
    frame_size: int
    frame_format: ImageFormat | str
    priority: Priority | str
    cache: str
    timeout: float | None


class StreamOptions(RenderOptions, total=False):
    """What ``stream`` takes: as ``render``, and ``progress_every``, the steps between two messages of progress."""

    progress_every: int


CACHE_MODES = {"use": wire.CACHE_MODE_USE, "bypass": wire.CACHE_MODE_BYPASS, "only": wire.CACHE_MODE_ONLY}

SPEC_OPTIONS = ("size", "steps", "seed", "learning_rate", "preset", "parametrization", "transforms", "schedule")


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
    described = {name: options[name] for name in SPEC_OPTIONS if name in options}  # type: ignore[literal-required]
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
