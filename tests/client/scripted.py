"""A real gRPC server that follows a test's script and records its requests."""
# ruff: noqa: N802 - methods are called what the .proto file calls them

from __future__ import annotations

import io
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import grpc
import numpy as np
import reverie
from click.testing import Result
from google.protobuf.message import Message
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from reverie_proto.v1 import catalog_pb2, spec_pb2
from reverie_proto.v1 import visualization_pb2 as wire
from reverie_proto.v1.visualization_pb2_grpc import (
    VisualizationServiceServicer,
    add_VisualizationServiceServicer_to_server,
)

from tests.client.faults import Fault, refuse
from tests.client.scripted_jobs import JobScript
from tests.sizes import square

T = TypeVar("T")
Pixels = NDArray[np.uint8]

# A function that opens a client of an address with some arguments.
Connect = Callable[..., reverie.Client]

# A function that calls `reverie` with arguments.
Command = Callable[..., Result]

NUMBERS = itertools.count()
DIGEST = "d1" * 32
MAKER = "cpu-avx2-onnxruntime-1.32.0-engine-3-0123456789abcdef"
LAYERS = (
    catalog_pb2.Layer(
        name="conv1_1",
        aliases=["features.0"],
        operator="Conv",
        channels=8,
        spatial=True,
        stride=square(1),
        receptive_field=square(3),
        min_size=square(3),
        size_multiple=square(1),
        recommended=True,
        kind="convolution",
    ),
    catalog_pb2.Layer(
        name="relu1_1",
        operator="Relu",
        channels=8,
        spatial=True,
        stride=square(1),
        receptive_field=square(3),
        min_size=square(3),
        size_multiple=square(1),
        kind="activation",
    ),
    catalog_pb2.Layer(name="logits", operator="Gemm", channels=2, min_size=square(32), size_multiple=square(32)),
)
MODELS = (
    catalog_pb2.Model(
        name="tiny",
        digest=DIGEST,
        description="A tiny network.",
        layer_count=3,
        labels=["cat", "dog"],
        native_size=square(32),
    ),
    catalog_pb2.Model(name="other", digest="d2" * 32, layer_count=1),
)
SIZE = square(16)
DEFAULTS = {"steps": 5, "learning_rate": 0.05, "seed": 0, "preset": "lucid", "model_digest": DIGEST}


@dataclass
class Script(JobScript, VisualizationServiceServicer):  # type: ignore[misc]  # generated without types
    """The service of the scripted server: each call takes the next of ``faults``; when none is left, calls succeed.

    A stream pauses before the step ``wait_at`` until it is cancelled, and fails with ``late_fault`` after its first
    progress, every time, and after the steps of ``stream_breaks``, once each. ``queue`` holds the positions that
    a stream reports before it begins. ``cancelled`` is set if the last call ends before its response is complete.
    """

    faults: deque[Fault] = field(default_factory=deque)
    late_fault: Fault | None = None
    stream_breaks: dict[int, Fault] = field(default_factory=dict)
    wait_at: int | None = None
    estimated_s: float | None = 2.5
    queue: tuple[int, ...] = ()
    cached: bool = False
    outcome: spec_pb2.Outcome = spec_pb2.OUTCOME_CONVERGED
    without_result: bool = False
    metadata: list[dict[str, str | bytes]] = field(default_factory=list)
    seconds_left: list[float | None] = field(default_factory=list)
    ended: bool = False
    waiting: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def GetServerInfo(
        self, request: wire.GetServerInfoRequest, context: grpc.ServicerContext
    ) -> wire.GetServerInfoResponse:
        self._enter(request, context)
        return wire.GetServerInfoResponse(
            info=catalog_pb2.ServerInfo(
                version="0.1.0",
                onnxruntime_version="1.32.0",
                providers=["CPUExecutionProvider"],
                device_class="cpu-avx2",
                maker=MAKER,
                presets=[
                    catalog_pb2.Preset(name="lucid", description="Lucid's.", steps=512),
                    catalog_pb2.Preset(name="swift", description="Few steps.", steps=48),
                ],
                limits=catalog_pb2.Limits(
                    min_size_px=8,
                    max_size_px=1024,
                    max_steps=4096,
                    max_frames=100,
                    max_terms=8,
                    max_response_bytes=1 << 26,
                    max_pixel_steps=1 << 40,
                    max_batch=4,
                    max_waiting_renders=64,
                    program_memory_mb=2048,
                    max_job_items=1000,
                    max_open_jobs=4,
                    max_ended_jobs=20,
                ),
            )
        )

    def ListModels(self, request: wire.ListModelsRequest, context: grpc.ServicerContext) -> wire.ListModelsResponse:
        self._enter(request, context)
        models, token = _page(MODELS, request.page_token)
        return wire.ListModelsResponse(models=models, next_page_token=token)

    def ListLayers(self, request: wire.ListLayersRequest, context: grpc.ServicerContext) -> wire.ListLayersResponse:
        self._enter(request, context)
        layers, token = _page(LAYERS, request.page_token)
        return wire.ListLayersResponse(layers=layers, next_page_token=token)

    def RenderImage(self, request: wire.RenderImageRequest, context: grpc.ServicerContext) -> wire.RenderImageResponse:
        self._enter(request, context)
        self._watch(context)
        context.send_initial_metadata(())
        if self.wait_at is not None:
            self._wait()
        rendering = self._rendering(request.spec, request.format)
        rendering.frames.extend(frames_of(request, rendering.steps))
        self.ended = True
        return wire.RenderImageResponse(rendering=rendering)

    def StreamRender(
        self, request: wire.StreamRenderRequest, context: grpc.ServicerContext
    ) -> Iterator[wire.StreamRenderResponse]:
        self._enter(request, context)
        self._watch(context)
        result = self._rendering(request.spec, request.format)
        yield wire.StreamRenderResponse(
            accepted=wire.Accepted(
                effective_spec=result.effective_spec,
                spec_digest=result.spec_digest,
                estimated_s=self.estimated_s,
                queue_position=next(iter(self.queue), 0),
            )
        )
        for position in self.queue[1:]:
            yield wire.StreamRenderResponse(progress=wire.Progress(steps=result.steps, queue_position=position))
        frames = {frame.step: frame for frame in frames_of(request, result.steps)}
        for step in range(result.steps + 1):
            if step == self.wait_at:
                self._wait()
            progress = wire.Progress(step=step, steps=result.steps, objective=step / 10, elapsed_s=step / 100)
            if step in frames:
                progress.frame.CopyFrom(frames[step])
            yield wire.StreamRenderResponse(progress=progress)
            if fault := self.late_fault or self.stream_breaks.pop(step, None):
                refuse(context, fault)
        if not self.without_result:
            yield wire.StreamRenderResponse(result=result)
        self.ended = True

    def _enter(self, request: Message, context: grpc.ServicerContext) -> None:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        self.seconds_left.append(context.time_remaining())
        if self.faults:
            refuse(context, self.faults.popleft())

    def _watch(self, context: grpc.ServicerContext) -> None:
        self.ended = False
        self.cancelled.clear()
        context.add_callback(lambda: None if self.ended else self.cancelled.set())

    def _wait(self) -> None:
        self.waiting.set()
        self.cancelled.wait(20)

    def _rendering(self, spec: spec_pb2.RenderSpec, image_format: spec_pb2.ImageFormat) -> spec_pb2.Rendering:
        effective = spec_pb2.RenderSpec()
        effective.CopyFrom(spec)
        for name, value in DEFAULTS.items():
            if not spec.HasField(name):
                setattr(effective, name, value)
        if not spec.HasField("size"):
            effective.size.CopyFrom(SIZE)
        return spec_pb2.Rendering(
            image=encode(pixels(effective), image_format or spec_pb2.IMAGE_FORMAT_PNG, note="made by the server"),
            outcome=self.outcome,
            outcome_detail="All went well.",
            activation=1.5,
            history=np.linspace(0, 1, effective.steps),
            steps=effective.steps,
            effective_spec=effective,
            spec_digest="5d" * 32,
            maker=MAKER,
            elapsed_s=0.25,
            cached=self.cached,
        )


def pixels(spec: spec_pb2.RenderSpec) -> Pixels:
    """Return a picture, uint8 [height, width, 3], that depends on the spec."""
    corners = np.random.default_rng(spec.seed).integers(0, 256, (2, 2, 3), np.uint8)
    size = spec.size.width_px, spec.size.height_px
    return np.asarray(Image.fromarray(corners).resize(size, Image.Resampling.BILINEAR))


def encode(picture: Pixels, image_format: spec_pb2.ImageFormat, note: str = "") -> spec_pb2.Image:
    buffer = io.BytesIO()
    text = PngInfo()
    text.add_text("note", note)
    match spec_pb2.ImageFormat.Name(image_format):
        case "IMAGE_FORMAT_RAW":
            buffer.write((picture.transpose(2, 0, 1) / np.float32(255)).astype("<f4").tobytes())
        case "IMAGE_FORMAT_PNG":
            Image.fromarray(picture).save(buffer, "PNG", pnginfo=text)
        case "IMAGE_FORMAT_WEBP":
            Image.fromarray(picture).save(buffer, "WEBP", lossless=True)
        case "IMAGE_FORMAT_JPEG":
            Image.fromarray(picture).save(buffer, "JPEG", quality=95, subsampling=0)
    height, width, _ = picture.shape
    return spec_pb2.Image(format=image_format, width_px=width, height_px=height, data=buffer.getvalue())


def frames_of(request: wire.RenderImageRequest | wire.StreamRenderRequest, steps: int) -> list[spec_pb2.Frame]:
    asked = request.frames
    every = range(0, steps + 1, asked.every_steps) if asked.every_steps else ()
    size = asked.max_size_px or 16
    return [
        spec_pb2.Frame(
            step=step,
            image=encode(
                np.full((size, size, 3), min(40 * step, 255), np.uint8), asked.format or spec_pb2.IMAGE_FORMAT_PNG
            ),
        )
        for step in sorted({*every, *asked.steps})
    ]


@contextmanager
def serving(
    script: Script, address: str, credentials: grpc.ServerCredentials | None = None
) -> Iterator[tuple[str, grpc.Server]]:
    """Serve a script and yield the address, with the chosen port if the given one ends in ":0"."""
    server = grpc.server(ThreadPoolExecutor(8))
    add_VisualizationServiceServicer_to_server(script, server)
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    try:
        yield address.removesuffix(":0") + f":{port}" if address.endswith(":0") else address, server
    finally:
        script.cancelled.set()
        server.stop(0).wait()


def socket_address(folder: Path) -> str:
    return f"unix:{folder}/{next(NUMBERS)}.sock"


def _page(items: tuple[T, ...], token: str) -> tuple[list[T], str]:
    """Return a page with one item."""
    start = int(token or 0)
    return [items[start]], str(start + 1) if start + 1 < len(items) else ""
