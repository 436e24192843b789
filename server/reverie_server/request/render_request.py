"""From a request to an order that the engine can carry out: spec, frames, formats, how often to report."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reverie_proto.v1 import jobs_pb2, spec_pb2, visualization_pb2

from reverie_server.errors import Violation, shown
from reverie_server.limits import Limits
from reverie_server.request import images, spec
from reverie_server.request.validation import Notes
from reverie_server.rpc import request_id

if TYPE_CHECKING:  # it loads onnx
    from reverie_ascent.models.repository import Model

#: Requests that may name themselves.
Named = visualization_pb2.RenderImageRequest | visualization_pb2.StreamRenderRequest | jobs_pb2.CreateRenderJobRequest
Request = visualization_pb2.RenderImageRequest | visualization_pb2.StreamRenderRequest

#: Of a response that is not picture: history, spec and the spec's copy in the PNG.
OTHER_BYTES = 2**18


@dataclass(frozen=True)
class Order:
    """What to render and what to tell on the way."""

    plan: spec.Plan
    #: Format of the result, and of frames.
    format: spec_pb2.ImageFormat
    frame_format: spec_pb2.ImageFormat
    #: Numbers of steps after which a frame is due, and the size that frames are scaled down to.
    frame_steps: frozenset[int]
    frame_size_px: int
    #: Progress is due at every multiple of this, or, without it, as often as `desk.ticket` tells by itself.
    report_every: int | None
    #: Whether it gives way to interactive renders.
    background: bool = False
    #: What the store is used for.
    cache: visualization_pb2.CacheMode = visualization_pb2.CACHE_MODE_USE
    #: The caller's name for this attempt, or empty.
    request_id: str = ""
    #: The name of the call that it came with, or of the job's picture that it is, for the log; empty where it has none.
    call: str = ""
    #: The name of the maker that the picture will have.
    maker: str = ""
    #: What the render will take, as far as an engine can tell.
    estimated_s: float | None = None
    #: About what its program holds in memory.
    program_bytes: int = 0

    @property
    def pixel_steps(self) -> int:
        """The picture's pixels times its steps: what a render costs, in the currency of quotas."""
        return self.plan.recipe.size**2 * self.plan.recipe.steps


def take(request: Request, models: Mapping[str, Model], limits: Limits, *, wrong: Sequence[Violation] = ()) -> Order:
    """Return the order that a request stands for; raise InvalidRequest or NotServed with all that is wrong with it.

    `wrong` is what was already found wrong before the request could be written.
    """
    notes = Notes(wrong)
    effective = spec.complete(request.spec, models, limits, notes)
    size = effective.size_px
    form = _format(request.format, "format", notes)
    frame_form = _format(request.frames.format, "frames.format", notes)
    frame_size = size
    if request.frames.HasField("max_size_px") and notes.within(
        "frames.max_size_px", request.frames.max_size_px, 1, limits.max_size_px
    ):
        frame_size = min(size, request.frames.max_size_px)
    frame_steps = _frame_steps(request.frames, effective.steps, limits, notes)
    report_every = None
    if isinstance(request, visualization_pb2.StreamRenderRequest) and request.HasField("progress_every_steps"):
        report_every = request.progress_every_steps
        notes.within("progress_every_steps", report_every, 1, limits.max_steps)
    cache = _cache(request.cache, frames=bool(frame_steps), notes=notes)
    check_request_id(request, notes)
    unary = isinstance(request, visualization_pb2.RenderImageRequest)
    channels = models[effective.model].channels if effective.model in models else images.RGB
    _check_bytes(size, form, frame_size, frame_form, len(frame_steps), unary, channels, limits, notes)
    background = _background(request.priority, notes)
    notes.refuse()
    plan = spec.plan(effective, models)
    return Order(
        plan=plan,
        format=form,
        frame_format=frame_form,
        frame_steps=frame_steps,
        frame_size_px=frame_size,
        report_every=report_every,
        background=background,
        cache=cache,
        request_id=request.request_id,
        call=request_id.current(),
    )


def _background(value: int, notes: Notes) -> bool:
    known = visualization_pb2.Priority.values()
    if value not in known:
        names = (f"{number} ({visualization_pb2.Priority.Name(number)})" for number in known if number)
        notes.wrong("priority", f"{value} is not one of {', '.join(names)}")
    return value == visualization_pb2.PRIORITY_BATCH


def check_request_id(request: Named, notes: Notes) -> None:
    """Note a request id that is no UUID of version 4."""
    if not request.HasField("request_id"):
        return
    try:
        version = uuid.UUID(request.request_id).version if len(request.request_id) == 36 else None
    except ValueError:
        version = None
    if version != 4:
        problem = "is no UUID of version 4, such as 9b2f8e63-7a54-4a5e-8d0c-3f1f0a6d2c11"
        notes.wrong("request_id", f"{shown(request.request_id)} {problem}")


def _cache(value: int, *, frames: bool, notes: Notes) -> visualization_pb2.CacheMode:
    modes = visualization_pb2.CacheMode
    if value == visualization_pb2.CACHE_MODE_ONLY and frames:
        notes.wrong("frames", "are not stored: cache CACHE_MODE_ONLY has none")
    if value not in modes.values():
        notes.wrong("cache", f"{value} is not one of {', '.join(f'{n} ({name})' for name, n in modes.items() if n)}")
    return value or visualization_pb2.CACHE_MODE_USE  # type: ignore[return-value]  # enums are ints to the wire


def _format(value: int, path: str, notes: Notes) -> spec_pb2.ImageFormat:
    if value == spec_pb2.IMAGE_FORMAT_UNSPECIFIED:
        return spec_pb2.IMAGE_FORMAT_PNG
    known = {int(form): spec_pb2.ImageFormat.Name(form) for form in images.ENCODERS}
    if value not in known:
        notes.wrong(path, f"{value} is not one of {', '.join(f'{k} ({v})' for k, v in known.items())}")
        return spec_pb2.IMAGE_FORMAT_PNG
    return next(form for form in images.ENCODERS if form == value)


def _frame_steps(frames: spec_pb2.FrameRequest, steps: int, limits: Limits, notes: Notes) -> frozenset[int]:
    """Return the numbers of steps after which a frame is due."""
    last = max(0, min(steps, limits.max_steps))
    due: set[int] = set()
    if notes.within("frames.every_steps", frames.every_steps, 0, limits.max_steps) and frames.every_steps:
        due.update(range(0, last + 1, frames.every_steps))
    if len(frames.steps) > limits.max_frames:
        notes.wrong("frames.steps", f"has {len(frames.steps)} entries; at most {limits.max_frames} are taken")
    else:
        for i, step in enumerate(frames.steps):
            if notes.within(f"frames.steps[{i}]", step, 0, last, because=", the steps of this render"):
                due.add(step)
    if len(due) > limits.max_frames:
        every = -(-last // (limits.max_frames - 1))
        notes.wrong("frames", f"asks for {len(due)} frames of at most {limits.max_frames}; try every_steps {every}")
        due.clear()
    return frozenset(due)


def _check_bytes(
    size: int,
    form: spec_pb2.ImageFormat,
    frame_size: int,
    frame_form: spec_pb2.ImageFormat,
    frames: int,
    unary: bool,
    channels: int,
    limits: Limits,
    notes: Notes,
) -> None:
    """Note what would not fit a response, before anything is computed for it."""
    if not limits.min_size_px <= size <= limits.max_size_px:
        return
    room = limits.max_response_bytes - OTHER_BYTES
    result = images.largest_bytes(form, size, channels)
    frame = images.largest_bytes(frame_form, frame_size, channels)
    if result > room:
        notes.wrong("format", _too_large(form, size, result, room, channels))
    if frames and frame > room:
        notes.wrong("frames.format", _too_large(frame_form, frame_size, frame, room, channels))
    elif frames and unary and result <= room and result + frames * frame > room:
        notes.wrong(
            "frames",
            f"{frames} frames of {frame_size} px may take {frames * frame} bytes beside the result and a response holds"
            f" {limits.max_response_bytes}; ask for fewer or smaller ones (max_size_px), or use StreamRender",
        )
    waiting = frames * frame_size * frame_size * 4 * channels
    if frames and waiting > limits.max_waiting_frame_bytes:
        most = limits.max_waiting_frame_bytes // (frame_size * frame_size * 4 * channels)
        notes.wrong("frames", f"asks for {frames} frames of {frame_size} px; at that size at most {most} are made")


def _too_large(form: spec_pb2.ImageFormat, size: int, needed: int, room: int, channels: int) -> str:
    name = spec_pb2.ImageFormat.Name(form)
    most = max(s for s in range(size) if images.largest_bytes(form, s, channels) <= room)
    return f"{name} at {size} px may take {needed} bytes and a response holds {room}; {name} goes up to {most} px"
