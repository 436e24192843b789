"""The service as its clients see it, and how the device stops when callers leave."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from threading import Event as Flag
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2
from PIL import Image
from reverie_ascent.runtime import instruction_set
from reverie_proto.v1 import objective_pb2, spec_pb2, visualization_pb2
from reverie_proto.v1.spec_pb2 import FrameRequest, RenderSpec
from reverie_proto.v1.visualization_pb2 import (
    GetServerInfoRequest,
    ListLayersRequest,
    ListModelsRequest,
    RenderImageRequest,
    StreamRenderRequest,
)
from reverie_server import Engine, Limits
from reverie_server.request.events import Event, Progress, Rendering
from reverie_server.rpc import health
from reverie_server.scheduler.estimate import Estimates

from tests import parts
from tests.server.fakes import PATIENCE_S
from tests.server.hosts import Refusal, Served, served
from tests.server.rpc.test_health import Probe
from tests.sizes import square

FORMATS = [value for value in spec_pb2.ImageFormat.values() if value]


def spec(**changes: Any) -> RenderSpec:
    """Return a render of a few milliseconds."""
    objective = objective_pb2.Objective(channel=objective_pb2.ChannelObjective(layer="conv1_1", channel=1))
    fields: dict[str, Any] = {"model": "tiny", "objective": objective, "size": square(32), "steps": 4}
    return RenderSpec(**(fields | changes))


SEEDS = itertools.count(1)


def endless() -> RenderSpec:
    """Return a render of minutes, which shares its steps with no other."""
    return spec(steps=10_000, size=square(256), seed=next(SEEDS))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def refusal(call: Awaitable[Any]) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Refusal(caught.value)


# ----- the catalogue -----


async def test_the_server_reports_its_version_and_limits(service: Served) -> None:
    info = (await service.call.GetServerInfo(GetServerInfoRequest())).info
    assert info.version
    assert info.device_class == f"cpu-{instruction_set.cpu().name}"
    assert info.maker.startswith(f"{info.device_class}-onnxruntime-{info.onnxruntime_version}-engine-")
    assert "CPUExecutionProvider" in info.providers
    presets = {preset.name: preset.steps for preset in info.presets}
    assert next(iter(presets)) == "reverie"
    assert presets["lucid"] == 512
    assert all(preset.description for preset in info.presets)
    assert info.limits == Limits().message()
    assert all(value > 0 for _, value in info.limits.ListFields())
    assert len(info.limits.ListFields()) == len(info.limits.DESCRIPTOR.fields)


async def test_models_are_listed_with_their_digests(service: Served) -> None:
    reply = await service.call.ListModels(ListModelsRequest())
    (model,) = reply.models
    assert (model.name, reply.next_page_token) == ("tiny", "")
    assert len(bytes.fromhex(model.digest)) == 32
    assert model.layer_count == len(service.engine.layers("tiny"))


async def test_layers_are_listed_a_page_at_a_time(service: Served) -> None:
    names, token = [], ""
    while True:
        reply = await service.call.ListLayers(ListLayersRequest(model="tiny", page_size=2, page_token=token))
        assert len(reply.layers) <= 2
        names += [layer.name for layer in reply.layers]
        if not (token := reply.next_page_token):
            break
    assert names == [layer.name for layer in service.engine.layers("tiny")]


@pytest.mark.parametrize(("name", "code"), [("tyny", "NOT_FOUND"), ("", "INVALID_ARGUMENT")])
async def test_the_layers_of_an_unknown_model_are_refused(service: Served, name: str, code: str) -> None:
    seen = await refusal(service.call.ListLayers(ListLayersRequest(model=name)))
    assert seen.code is grpc.StatusCode[code]
    assert "tiny" in seen.sentence


# ----- pictures -----


async def test_a_result_describes_how_it_was_made(service: Served) -> None:
    rendering = (await service.call.RenderImage(RenderImageRequest(spec=spec()))).rendering
    assert rendering.outcome == spec_pb2.OUTCOME_CONVERGED
    assert rendering.outcome_detail
    assert rendering.steps == len(rendering.history) == 4
    assert rendering.effective_spec == service.engine.check(RenderImageRequest(spec=spec())).effective
    assert len(bytes.fromhex(rendering.spec_digest)) == 32
    assert rendering.elapsed_s > 0
    assert np.isfinite(rendering.activation)


async def test_an_effective_spec_gives_the_same_picture_again(service: Served) -> None:
    first = (await service.call.RenderImage(RenderImageRequest(spec=spec()))).rendering
    second = (await service.call.RenderImage(RenderImageRequest(spec=first.effective_spec))).rendering
    assert second.image == first.image
    assert second.spec_digest == first.spec_digest
    other = (await service.call.RenderImage(RenderImageRequest(spec=spec(seed=1)))).rendering
    assert other.image != first.image
    assert other.spec_digest != first.spec_digest


async def test_one_spec_gives_the_same_bytes_by_every_call(service: Served) -> None:
    unary = (await service.call.RenderImage(RenderImageRequest(spec=spec()))).rendering
    streamed = [reply async for reply in service.call.StreamRender(StreamRenderRequest(spec=spec()))][-1].result
    here = await asyncio.to_thread(lambda: service.engine.render(spec=spec()))
    assert unary.image.data == streamed.image.data == here.encoded()
    assert unary.spec_digest == streamed.spec_digest == here.spec_digest
    assert unary.maker == streamed.maker == here.maker == service.engine.info().maker
    assert list(unary.history) == list(streamed.history) == here.history.tolist()
    assert unary.activation == streamed.activation == here.activation


@pytest.mark.parametrize("form", FORMATS, ids=spec_pb2.ImageFormat.Name)
async def test_every_format_holds_the_same_picture(service: Served, form: spec_pb2.ImageFormat) -> None:
    image = (await service.call.RenderImage(RenderImageRequest(spec=spec(), format=form))).rendering.image
    assert (image.format, image.width_px, image.height_px) == (form, 32, 32)
    here = (await asyncio.to_thread(lambda: service.engine.render(spec=spec()))).array
    if form == spec_pb2.IMAGE_FORMAT_RAW:
        np.testing.assert_array_equal(np.frombuffer(image.data, "<f4").reshape(3, 32, 32).transpose(1, 2, 0), here)
    else:
        with Image.open(BytesIO(image.data)) as opened:
            pixels = np.asarray(opened.convert("RGB")) / 255
        tolerance = 0.2 if form == spec_pb2.IMAGE_FORMAT_JPEG else 0.5001 / 255
        assert np.abs(pixels - here).max() <= tolerance


async def test_a_png_contains_its_spec(service: Served) -> None:
    rendering = (await service.call.RenderImage(RenderImageRequest(spec=spec()))).rendering
    with Image.open(BytesIO(rendering.image.data)) as opened:
        texts = opened.info
    assert json_format.Parse(texts["reverie"], RenderSpec()) == rendering.effective_spec
    assert json.loads(texts["reverie"])["size"] == {"height_px": 32, "width_px": 32}
    assert texts["reverie-digest"] == rendering.spec_digest
    assert texts["reverie-maker"] == rendering.maker


# ----- streams and frames -----


async def test_a_stream_is_accepted_progress_and_one_result(service: Served) -> None:
    replies = [reply async for reply in service.call.StreamRender(StreamRenderRequest(spec=spec(steps=400)))]
    kinds = [reply.WhichOneof("event") for reply in replies]
    assert (kinds[0], kinds[-1]) == ("accepted", "result")
    assert set(kinds[1:-1]) <= {"progress"}  # a slow reader may miss progress
    assert replies[0].accepted.effective_spec == replies[-1].result.effective_spec
    assert replies[0].accepted.spec_digest == replies[-1].result.spec_digest
    steps = [reply.progress.step for reply in replies[1:-1]]
    assert steps == sorted(set(steps))
    assert all(0 <= step <= 400 for step in steps)  # 0 while the render waits


async def test_frames_are_part_of_the_progress_of_their_step(service: Served) -> None:
    request = StreamRenderRequest(
        spec=spec(steps=8),
        frames=FrameRequest(every_steps=3, steps=[1, 8], max_size_px=16, format=spec_pb2.IMAGE_FORMAT_WEBP),
    )
    replies = [reply async for reply in service.call.StreamRender(request)]
    frames = [reply.progress.frame for reply in replies if reply.progress.HasField("frame")]
    assert [frame.step for frame in frames] == [0, 1, 3, 6, 8]
    assert {frame.image.width_px for frame in frames} == {16}
    assert {frame.image.format for frame in frames} == {spec_pb2.IMAGE_FORMAT_WEBP}
    assert len({frame.image.data for frame in frames}) == 5
    assert not replies[-1].result.frames


async def test_the_last_frame_is_the_picture(service: Served) -> None:
    request = RenderImageRequest(spec=spec(), frames=FrameRequest(steps=[4]))
    rendering = (await service.call.RenderImage(request)).rendering
    (frame,) = rendering.frames
    with Image.open(BytesIO(frame.image.data)) as last, Image.open(BytesIO(rendering.image.data)) as picture:
        np.testing.assert_array_equal(np.asarray(last), np.asarray(picture))


async def test_progress_is_sent_as_often_as_requested(service: Served) -> None:
    request = StreamRenderRequest(spec=spec(steps=9), progress_every_steps=4)
    replies = [reply async for reply in service.call.StreamRender(request)]
    assert {reply.progress.step for reply in replies[1:-1]} <= {4, 8}


# ----- callers that leave -----


def begin(service: Served, kind: str, **options: Any) -> Any:
    """Start a render that takes longer than any test."""
    if kind == "unary":
        return service.call.RenderImage(RenderImageRequest(spec=endless()), **options)
    return service.call.StreamRender(StreamRenderRequest(spec=endless()), **options)


async def read(call: Any, kind: str) -> None:
    if kind == "unary":
        await call
    else:
        async for _ in call:
            pass


async def cancel(service: Served, call: Any) -> None:
    call.cancel()


async def disconnect(service: Served, call: Any) -> None:
    await service.channel.close(None)


async def wait_for_the_deadline(service: Served, call: Any) -> None:
    pass


# How a caller leaves, with the options of its call.
LEAVING = [(cancel, {}), (disconnect, {}), (wait_for_the_deadline, {"timeout": 3})]


@pytest.mark.parametrize("kind", ["unary", "stream"])
@pytest.mark.parametrize(("leave", "options"), LEAVING, ids=lambda value: getattr(value, "__name__", ""))
async def test_the_device_stops_within_a_step_when_the_caller_leaves(
    alone: Served,
    kind: str,
    leave: Callable[..., Awaitable[None]],
    options: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Steps are counted on the device."""
    monkeypatch.setattr(Estimates, "seconds", lambda self, plan: None)  # otherwise the deadline would be refused
    call = begin(alone, kind, **options)
    reading = asyncio.create_task(read(call, kind))
    await until(lambda: alone.engine.stats().steps > 3 or reading.done())
    await leave(alone, call)
    with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
        await reading
    await until(lambda: alone.engine.stats().running == 0)
    stats = alone.engine.stats()
    assert (stats.stopped, stats.finished, stats.failed) == (1, 0, 0)
    assert stats.late_steps <= 1
    await asyncio.sleep(0.05)
    assert alone.engine.stats().steps == stats.steps < 10_000


async def test_a_caller_that_does_not_read_can_still_cancel(alone: Served) -> None:
    """The stream's buffer is full, so the server waits in a write."""
    frames = FrameRequest(every_steps=20, format=spec_pb2.IMAGE_FORMAT_RAW)
    large = spec(steps=4000, size=square(128))
    call = alone.call.StreamRender(StreamRenderRequest(spec=large, frames=frames))
    await until(lambda: alone.engine.stats().steps > 200)
    call.cancel()
    await until(lambda: alone.engine.stats().running == 0)
    assert alone.engine.stats().late_steps <= 1


async def test_clients_that_do_not_read_block_no_others_and_miss_no_frame_or_result(alone: Served) -> None:
    """Their pictures have nearly the maximum of 4 MiB; the server buffers unsent events, up to a bound."""
    large = spec(size=square(570), steps=30, parametrization=parts.PIXEL, transforms=parts.NONE)
    frames = FrameRequest(every_steps=4, format=spec_pb2.IMAGE_FORMAT_RAW)
    request = StreamRenderRequest(spec=large, format=spec_pb2.IMAGE_FORMAT_RAW, frames=frames, progress_every_steps=1)
    calls = [alone.call.StreamRender(request) for _ in range(3)]

    def unread_events() -> list[list[Event | BaseException]]:
        return [list(call.events._events) for call in alone.mount._renders._calls.values()]

    # A render is counted as finished before its result is queued.
    await until(lambda: [type(unread[-1]) for unread in unread_events() if unread] == [Rendering] * 3)
    assert alone.engine.stats().finished == 3
    for unread in unread_events():
        assert sum(isinstance(event, Progress) and event.frame is None for event in unread) <= len(unread) // 2
        assert sum(isinstance(event, Progress) and event.frame is not None for event in unread) <= 8
    for call in calls:
        events = [event async for event in call]
        assert len(events[-1].result.image.data) == 570 * 570 * 12
        steps = [event.progress.step for event in events if event.progress.HasField("frame")]
        assert steps == list(range(0, 31, 4))


async def test_a_client_that_reads_slowly_does_not_block_the_others(alone: Served) -> None:
    slow = aiter(alone.call.StreamRender(StreamRenderRequest(spec=spec(steps=2000), progress_every_steps=1)))
    assert (await anext(slow)).HasField("accepted")
    assert (await alone.call.RenderImage(RenderImageRequest(spec=spec()))).rendering.steps == 4
    await until(lambda: alone.engine.stats().finished == 2)
    steps = [event.progress.step async for event in slow if event.HasField("progress")]
    assert steps == sorted(set(steps))


async def test_a_waiting_stream_gets_its_queue_position(alone: Served) -> None:
    first = begin(alone, "unary")
    await until(lambda: alone.engine.stats().running == 1)
    second = alone.call.StreamRender(StreamRenderRequest(spec=spec()))
    assert (await second.read()).accepted.queue_position == 1
    third = aiter(alone.call.StreamRender(StreamRenderRequest(spec=spec(seed=1))))
    assert (await anext(third)).accepted.queue_position == 2
    second.cancel()
    assert (await anext(third)).progress.queue_position == 1
    first.cancel()
    events = [event async for event in third]
    assert events[0].progress.queue_position == 0
    assert events[-1].result.steps == 4


async def test_a_batch_render_waits_for_interactive_ones(alone: Served) -> None:
    background = StreamRenderRequest(spec=endless(), priority=visualization_pb2.PRIORITY_BATCH)
    call = alone.call.StreamRender(background)
    await until(lambda: alone.engine.stats().running == 1)
    assert (await alone.call.RenderImage(RenderImageRequest(spec=spec()))).rendering.steps == 4
    assert alone.engine.stats().running == 1
    call.cancel()


async def test_the_next_render_begins_when_one_was_cancelled(alone: Served) -> None:
    first = begin(alone, "unary")
    await until(lambda: alone.engine.stats().running == 1)
    second = alone.call.RenderImage(RenderImageRequest(spec=spec()))
    await until(lambda: alone.engine.stats().waiting == 1)
    first.cancel()
    assert (await second).rendering.steps == 4


async def test_a_render_that_waits_leaves_the_queue_when_cancelled(alone: Served) -> None:
    first = begin(alone, "unary")
    await until(lambda: alone.engine.stats().running == 1)
    second = begin(alone, "stream")
    await until(lambda: alone.engine.stats().waiting == 1)
    second.cancel()
    await until(lambda: alone.engine.stats().waiting == 0)
    assert alone.engine.stats().running == 1
    first.cancel()


async def test_renders_beyond_the_queue_get_a_retry_time(alone: Served) -> None:
    calls = [begin(alone, "unary") for _ in range(3)]  # one runs, two wait
    await until(lambda: alone.engine.stats().waiting == 2)
    seen = await refusal(begin(alone, "unary"))
    assert seen.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert seen.detail(error_details_pb2.RetryInfo).retry_delay.seconds > 0
    for call in calls:
        call.cancel()


async def test_a_stream_gets_accepted_at_once(alone: Served) -> None:
    first = begin(alone, "unary")
    await until(lambda: alone.engine.stats().running == 1)
    second = begin(alone, "stream")
    assert (await second.read()).WhichOneof("event") == "accepted"
    assert alone.engine.stats().waiting == 1
    first.cancel()
    second.cancel()


async def test_a_unary_call_gets_its_headers_when_it_is_admitted(alone: Served) -> None:
    """gRPC retries a call only until it receives headers, so an admitted render is not started twice."""
    first = begin(alone, "unary")
    await until(lambda: alone.engine.stats().running == 1)
    # grpc.aio returns a unary call's headers only with its response, but those of a streaming call at once.
    method = alone.channel.unary_stream(
        "/reverie.v1.VisualizationService/RenderImage", RenderImageRequest.SerializeToString
    )
    second = method(RenderImageRequest(spec=spec()))
    await asyncio.wait_for(second.initial_metadata(), PATIENCE_S)
    assert alone.engine.stats().waiting == 1
    first.cancel()
    second.cancel()


# ----- draining -----


async def test_draining_lets_accepted_renders_finish_and_refuses_new_ones(alone: Served, gate: Flag) -> None:
    running = alone.call.RenderImage(RenderImageRequest(spec=spec(steps=300)))
    waiting = alone.call.RenderImage(RenderImageRequest(spec=spec(steps=3)))
    await until(lambda: alone.engine.stats().waiting == 1)
    draining = asyncio.create_task(alone.mount.drain(PATIENCE_S))
    await asyncio.sleep(0)
    assert await Probe(alone.channel).check("") == health.NOT_SERVING
    seen = await refusal(begin(alone, "unary"))
    assert (seen.code, seen.detail(error_details_pb2.ErrorInfo).reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    gate.set()
    assert [(await call).rendering.steps for call in (running, waiting)] == [300, 3]
    await draining


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_renders_that_exceed_the_grace_are_stopped(alone: Served, kind: str) -> None:
    call, waiting = begin(alone, kind), begin(alone, kind)
    await until(lambda: alone.engine.stats().waiting == 1)
    await alone.mount.drain(0.05)
    for each in (call, waiting):
        seen = await refusal(read(each, kind))
        assert seen.code is grpc.StatusCode.UNAVAILABLE
        assert seen.detail(error_details_pb2.ErrorInfo).reason == "INTERRUPTED"
    assert alone.engine.stats().late_steps <= 1


# ----- bugs and damaged files -----


async def test_a_model_that_breaks_while_it_is_served_shows_an_incident_only(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "tiny"
    folder.mkdir(parents=True)
    for file in (models / "tiny").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    engine = await asyncio.to_thread(Engine, [tmp_path / "models"], device="cpu", threads=1)
    for file in folder.glob("*.onnx"):
        file.write_bytes(b"")
    async with served(engine) as service:
        seen = await refusal(service.call.RenderImage(RenderImageRequest(spec=spec())))
    await asyncio.to_thread(engine.close)
    assert seen.code is grpc.StatusCode.INTERNAL
    assert seen.sentence == f"internal error, incident {seen.detail(error_details_pb2.RequestInfo).request_id}"
    assert str(tmp_path).encode() not in seen.status.SerializeToString()
