"""Validates a request for one picture and fills in every default; the engine renders the result."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reverie_ascent.recipe import Recipe
from reverie_proto.sizes import Size, described, from_message
from reverie_proto.v1 import jobs_pb2, spec_pb2, visualization_pb2

from reverie_server.errors import Violation, shown
from reverie_server.limits import Limits
from reverie_server.request import images, picture_size, spec
from reverie_server.request.digest import spec_digest
from reverie_server.request.validation import Violations

if TYPE_CHECKING:  # importing it loads onnx
    from reverie_ascent.models.repository import Model

#: Requests that may have a request id.
Identifiable = (
    visualization_pb2.RenderImageRequest | visualization_pb2.StreamRenderRequest | jobs_pb2.CreateRenderJobRequest
)
Request = visualization_pb2.RenderImageRequest | visualization_pb2.StreamRenderRequest

#: The bytes of a response besides its pictures: history, spec and the spec's copy in the PNG.
OTHER_BYTES = 2**18


@dataclass(frozen=True)
class RenderRequest:
    """A valid request, with every default filled in: what to render, and what to report while rendering."""

    model: Model
    recipe: Recipe
    #: The effective spec, with the model pinned by digest, and the digest of that spec.
    effective: spec_pb2.RenderSpec
    digest: str
    #: Format of the result, and of frames.
    format: spec_pb2.ImageFormat
    frame_format: spec_pb2.ImageFormat
    #: The numbers of steps after which a frame is due, and the longest side that frames are scaled down to.
    frame_steps: frozenset[int]
    frame_size_px: int
    #: Progress is due at every multiple of this; None leaves it to the subscription.
    report_every: int | None
    #: Whether interactive renders go before it.
    background: bool = False
    #: How the store is used.
    cache: visualization_pb2.CacheMode = visualization_pb2.CACHE_MODE_USE
    #: The caller's request id, the same for all attempts of one request, or empty.
    request_id: str = ""
    #: For the log: the id of the call, or the name of the picture in its job; empty if there is neither.
    call: str = ""
    #: The name of the maker that the picture will have.
    maker: str = ""
    #: The estimated seconds of the render; None if unknown.
    estimated_s: float | None = None
    #: The estimated memory of its program, in bytes.
    program_bytes: int = 0

    @property
    def described(self) -> str:
        """The program that renders the request, for the log."""
        layers = "+".join(dict.fromkeys(term.layer for term in self.recipe.terms))
        return f"{self.model.name} {layers} at {described(self.recipe.size)} px"

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the picture."""
        return *self.recipe.size, self.model.channels + self.recipe.alpha

    @property
    def looks_up(self) -> bool:
        """Whether the picture may come from the store or from another caller's render."""
        return self.cache != visualization_pb2.CACHE_MODE_BYPASS and not self.frame_steps

    @property
    def pixel_steps(self) -> int:
        """The pixels that the network sees times the steps, in all attempts: the cost of the render for quotas."""
        return math.prod(self.recipe.seen_size) * self.recipe.network_pictures * self.recipe.all_steps

    @property
    def picture_count(self) -> int:
        """How many pictures the result has: those of the group, and that of the importance."""
        return self.recipe.pictures + self.recipe.importance


def validate(
    request: Request, models: Mapping[str, Model], limits: Limits, *, wrong: Sequence[Violation] = (), call: str = ""
) -> RenderRequest:
    """Check a request from the wire; raise InvalidRequest or NotServed with all its violations.

    `wrong` holds violations that were found before the request could be written; `call` is the call's id for the log.
    """
    violations = Violations(wrong)
    effective = spec.complete(request.spec, models, limits, violations)
    size = from_message(effective.size)
    form = _format(request.format, "format", violations)
    frame_form = _format(request.frames.format, "frames.format", violations)
    frame_size = max(size)
    if request.frames.HasField("max_size_px") and violations.check_range(
        "frames.max_size_px", request.frames.max_size_px, 1, limits.max_size_px
    ):
        frame_size = min(frame_size, request.frames.max_size_px)
    frame_steps = _frame_steps(request.frames, effective.steps, limits, violations)
    if frame_steps and effective.best_of > 1:
        violations.add("frames", "do not go with spec.best_of; ask for them with the seed of the best picture")
    report_every = None
    if isinstance(request, visualization_pb2.StreamRenderRequest) and request.HasField("progress_every_steps"):
        report_every = request.progress_every_steps
        violations.check_range("progress_every_steps", report_every, 1, limits.max_steps)
    cache = _cache(request.cache, frames=bool(frame_steps), violations=violations)
    check_request_id(request, violations)
    if not picture_size.problem_with_limits(size, limits):
        channels = models[effective.model].channels if effective.model in models else images.RGB
        channels += effective.alpha
        frames = _Pictures(len(frame_steps), images.shrunk(size, frame_size), frame_form, channels)
        unary = isinstance(request, visualization_pb2.RenderImageRequest)
        count = max(1, effective.pictures) + effective.importance
        _check_response(_Pictures(count, size, form, channels), frames, limits, violations, unary=unary)
        _check_waiting_frames(frames, limits, violations)
    background = _background(request.priority, violations)
    violations.raise_if_any()
    return RenderRequest(
        model=models[effective.model],
        recipe=spec.recipe(effective),
        effective=effective,
        digest=spec_digest(effective),
        format=form,
        frame_format=frame_form,
        frame_steps=frame_steps,
        frame_size_px=frame_size,
        report_every=report_every,
        background=background,
        cache=cache,
        request_id=request.request_id,
        call=call,
    )


def _background(value: int, violations: Violations) -> bool:
    known = visualization_pb2.Priority.values()
    if value not in known:
        names = (f"{number} ({visualization_pb2.Priority.Name(number)})" for number in known if number)
        violations.add("priority", f"{value} is not one of {', '.join(names)}")
    return value == visualization_pb2.PRIORITY_BATCH


def check_request_id(request: Identifiable, violations: Violations) -> None:
    """Add a violation if the request id is not a UUID of version 4."""
    if not request.HasField("request_id"):
        return
    try:
        version = uuid.UUID(request.request_id).version if len(request.request_id) == 36 else None
    except ValueError:
        version = None
    if version != 4:
        problem = "is not a UUID of version 4, such as 9b2f8e63-7a54-4a5e-8d0c-3f1f0a6d2c11"
        violations.add("request_id", f"{shown(request.request_id)} {problem}")


def _cache(value: int, *, frames: bool, violations: Violations) -> visualization_pb2.CacheMode:
    modes = visualization_pb2.CacheMode
    if value == visualization_pb2.CACHE_MODE_ONLY and frames:
        violations.add("frames", "are not stored: cache CACHE_MODE_ONLY has none")
    if value not in modes.values():
        violations.add("cache", f"{value} is not one of {', '.join(f'{n} ({name})' for name, n in modes.items() if n)}")
    return value or visualization_pb2.CACHE_MODE_USE  # type: ignore[return-value]  # enums are ints to the wire


def _format(value: int, path: str, violations: Violations) -> spec_pb2.ImageFormat:
    if value == spec_pb2.IMAGE_FORMAT_UNSPECIFIED:
        return spec_pb2.IMAGE_FORMAT_PNG
    known = {int(form): spec_pb2.ImageFormat.Name(form) for form in images.ENCODERS}
    if value not in known:
        violations.add(path, f"{value} is not one of {', '.join(f'{k} ({v})' for k, v in known.items())}")
        return spec_pb2.IMAGE_FORMAT_PNG
    return next(form for form in images.ENCODERS if form == value)


def _frame_steps(frames: spec_pb2.FrameRequest, steps: int, limits: Limits, violations: Violations) -> frozenset[int]:
    """Return the numbers of steps after which a frame is due."""
    last = max(0, min(steps, limits.max_steps))
    due: set[int] = set()
    if violations.check_range("frames.every_steps", frames.every_steps, 0, limits.max_steps) and frames.every_steps:
        due.update(range(0, last + 1, frames.every_steps))
    if len(frames.steps) > limits.max_frames:
        violations.add("frames.steps", f"has {len(frames.steps)} entries; at most {limits.max_frames} are taken")
    else:
        for i, step in enumerate(frames.steps):
            if violations.check_range(f"frames.steps[{i}]", step, 0, last, because=", the steps of this render"):
                due.add(step)
    if len(due) > limits.max_frames:
        every = -(-last // (limits.max_frames - 1))
        violations.add("frames", f"asks for {len(due)} frames of at most {limits.max_frames}; try every_steps {every}")
        due.clear()
    return frozenset(due)


@dataclass(frozen=True)
class _Pictures:
    """The count, size and format of pictures that a render sends: its result or its frames."""

    count: int
    size: Size
    format: spec_pb2.ImageFormat
    channels: int

    @property
    def encoded_bytes(self) -> int:
        """The most bytes of one picture in a response."""
        return images.largest_bytes(self.format, self.size, self.channels)

    @property
    def array_bytes(self) -> int:
        """The bytes of one picture in memory, as float32, before it is encoded."""
        return 4 * math.prod(self.size) * self.channels

    def too_large(self, room: int) -> str:
        """Return a sentence with the bytes of one picture, and the largest square that fits."""
        name = spec_pb2.ImageFormat.Name(self.format)
        sides = range(math.isqrt(math.prod(self.size)) + 1)
        most = max(side for side in sides if images.largest_bytes(self.format, (side, side), self.channels) <= room)
        return (
            f"{name} at {described(self.size)} px may take {self.encoded_bytes} bytes and a response holds {room};"
            f" {name} goes up to {most} x {most} px"
        )


def _check_response(
    result: _Pictures, frames: _Pictures, limits: Limits, violations: Violations, *, unary: bool
) -> None:
    """Add a violation if the pictures may not fit into a response; a unary response holds all frames too."""
    room = limits.max_response_bytes - OTHER_BYTES
    pictures = result.count * result.encoded_bytes
    total = pictures + frames.count * frames.encoded_bytes
    if result.encoded_bytes > room:
        violations.add("format", result.too_large(room))
    elif pictures > room:
        name, most = spec_pb2.ImageFormat.Name(result.format), room // result.encoded_bytes
        violations.add(
            "spec.pictures",
            f"{result.count} pictures as {name} at {described(result.size)} px may take {pictures} bytes and a response"
            f" holds {room}; at that size up to {most}, or smaller ones",
        )
    if frames.count and frames.encoded_bytes > room:
        violations.add("frames.format", frames.too_large(room))
    elif frames.count and unary and pictures <= room < total:
        violations.add(
            "frames",
            f"{frames.count} frames of {described(frames.size)} px may take {frames.count * frames.encoded_bytes} bytes"
            f" besides the result and a response holds {limits.max_response_bytes}; ask for fewer or smaller ones"
            " (max_size_px), or use StreamRender",
        )


def _check_waiting_frames(frames: _Pictures, limits: Limits, violations: Violations) -> None:
    """Add a violation if the frames would take too much memory while they wait for a slow reader."""
    most = limits.max_client_waiting_bytes // 2 // frames.array_bytes
    if frames.count > most:
        violations.add(
            "frames",
            f"asks for {frames.count} frames of {described(frames.size)} px; at that size at most {most} are made",
        )
