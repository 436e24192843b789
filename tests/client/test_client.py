"""The blocking and the asyncio client: requests, results, errors and cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import grpc
import numpy as np
import pytest
import reverie
from reverie_proto.sizes import to_message
from reverie_proto.v1 import spec_pb2
from reverie_proto.v1 import visualization_pb2 as wire

from tests import parts
from tests.client.faults import Fault, error_info, retry_info
from tests.client.scripted import (
    DIGEST,
    LAYERS,
    MAKER,
    Connect,
    Script,
    pixels,
    serving,
    socket_address,
)
from tests.sizes import square

Ask = Callable[..., reverie.Rendering]

# The options of render(), and the field of the request that each sets.
OPTIONS = [
    ({"size": 32}, "spec.size", square(32)),
    ({"size": (24, 32)}, "spec.size", to_message((24, 32))),
    ({"size": np.int64(32)}, "spec.size", square(32)),
    ({"steps": 7}, "spec.steps", 7),
    ({"seed": 2**32 - 1}, "spec.seed", 2**32 - 1),
    ({"learning_rate": 0.25}, "spec.learning_rate", 0.25),
    ({"preset": "lucid"}, "spec.preset", "lucid"),
    ({"parametrization": "pixel"}, "spec.parametrization", parts.PIXEL),
    ({"transforms": "none"}, "spec.transforms", parts.NONE),
    ({"schedule": "one_cycle"}, "spec.schedule", parts.ONE_CYCLE),
    ({"format": "webp"}, "format", spec_pb2.IMAGE_FORMAT_WEBP),
    ({"frames_every": 2}, "frames.every_steps", 2),
    ({"frames_at": (0, 3)}, "frames.steps", [0, 3]),
    ({"frames_at": [1], "frame_size": 8}, "frames.max_size_px", 8),
    ({"frames_at": [1], "frame_format": "jpeg"}, "frames.format", spec_pb2.IMAGE_FORMAT_JPEG),
]

# Arguments that are refused before anything is sent, and a part of the message.
MISTAKES = [
    ({"seed": -1}, reverie.InvalidRequest, r"spec\.seed: -1"),
    ({"steps": "many"}, reverie.InvalidRequest, r"spec\.steps: 'many'"),
    ({"steps": "many", "seed": -1}, reverie.InvalidRequest, r"(?s)steps.*seed"),
    ({"transforms": 3}, reverie.InvalidRequest, r"3 is not the name of a set"),
    ({"format": "gif"}, reverie.InvalidRequest, r"'gif' is not one of png, webp, jpeg, raw"),
    ({"frame_size": 64}, reverie.UsageError, "add frames_every= or frames_at="),
    ({"objective": reverie.layer("conv1_1")}, reverie.UsageError, "not both"),
    ({"spec": reverie.Spec("tiny", reverie.layer("conv1_1"))}, reverie.UsageError, "whole picture"),
    ({"colour": "red"}, TypeError, "colour"),
    ({"cache": "never"}, reverie.InvalidRequest, "'never' is not one of use, bypass, only"),
]

UNAVAILABLE = Fault(grpc.StatusCode.UNAVAILABLE, "Starting.", (error_info("STARTING"),))
FULL = Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "The queue is full.", (error_info("QUEUE_FULL"), retry_info(0.05)))
FULL_FOR_LONG = Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "Full.", (error_info("QUEUE_FULL"), retry_info(90)))
STOPPING = Fault(grpc.StatusCode.UNAVAILABLE, "Stopping.", (error_info("INTERRUPTED"), retry_info(0.05)))
OUT_OF_MEMORY = Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "Out of memory.", (error_info("OUT_OF_MEMORY"),))


def render(client: reverie.Client, **options: Any) -> reverie.Rendering:
    return client.render("tiny", "conv1_1", 3, **options)


def last_of_stream(client: reverie.Client, **options: Any) -> reverie.Rendering:
    *_, rendering = client.stream("tiny", "conv1_1", 3, **options)
    assert isinstance(rendering, reverie.Rendering)
    return rendering


def get(message: Any, path: str) -> Any:
    for name in path.split("."):
        message = getattr(message, name)
    return message


# ----- requests and results -----


@pytest.mark.parametrize(("options", "field", "value"), OPTIONS, ids=[field for _, field, _ in OPTIONS])
@pytest.mark.parametrize("ask", [render, last_of_stream])
def test_each_option_reaches_its_field(
    client: reverie.Client, script: Script, ask: Ask, options: dict[str, Any], field: str, value: object
) -> None:
    ask(client, **options)
    assert get(script.requests[-1], field) == value


def test_what_is_left_out_is_left_to_the_server(client: reverie.Client, script: Script) -> None:
    render(client)
    (request,) = script.requests
    assert {field.name for field, _ in request.ListFields()} == {"spec", "request_id"}
    assert {field.name for field, _ in request.spec.ListFields()} == {"model", "objective"}


@pytest.mark.parametrize("ask", [render, last_of_stream])
@pytest.mark.parametrize("mode", ["use", "bypass", "only"])
def test_the_cache_mode_can_be_chosen(client: reverie.Client, script: Script, ask: Ask, mode: str) -> None:
    script.cached = True
    assert ask(client, cache=mode).cached
    (request,) = script.requests
    assert wire.CacheMode.Name(request.cache) == f"CACHE_MODE_{mode}".upper()


@pytest.mark.parametrize(("options", "error", "words"), MISTAKES, ids=[str(o) for o, _, _ in MISTAKES])
@pytest.mark.parametrize("ask", [render, last_of_stream])
def test_a_mistake_is_refused_before_anything_is_sent(
    client: reverie.Client, script: Script, ask: Ask, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ask(client, **options)
    assert script.requests == []


@pytest.mark.parametrize("missing", [(), ("tiny",), ("tiny", "conv1_1")])
def test_an_incomplete_request_is_refused(client: reverie.Client, missing: tuple[str, ...]) -> None:
    with pytest.raises(reverie.UsageError, match=r"Name the model|Say what to render"):
        client.render(*missing)


def test_a_rendering_has_all_its_facts(client: reverie.Client) -> None:
    rendering = render(client, seed=4, frames_every=2)
    assert (rendering.width, rendering.height, rendering.image.size, rendering.image.mode) == (16, 16, (16, 16), "RGB")
    np.testing.assert_array_equal(np.asarray(rendering.image), pixels(spec_pb2.RenderSpec(seed=4, size=square(16))))
    assert rendering.format is reverie.ImageFormat.PNG
    assert rendering.outcome is reverie.Outcome.CONVERGED
    assert rendering.outcome_detail == "All went well."
    assert (rendering.activation, rendering.steps, rendering.elapsed_s) == (1.5, 5, 0.25)
    np.testing.assert_allclose(rendering.history, [0, 0.25, 0.5, 0.75, 1])
    assert [frame.step for frame in rendering.frames] == [0, 2, 4]
    assert rendering.spec_digest == "5d" * 32
    assert rendering.maker == MAKER
    assert (rendering.spec.seed, rendering.spec.size, rendering.spec.model_digest) == (4, (16, 16), DIGEST)


def test_a_spec_that_came_back_can_be_rendered_again(client: reverie.Client, script: Script) -> None:
    first = render(client, seed=4)
    again = client.render(spec=first.spec)
    assert again.spec == first.spec
    assert script.requests[1].spec.model_digest == DIGEST
    sibling = client.render(spec=dataclasses.replace(first.spec, seed=5))
    assert sibling.spec.seed == 5


def test_an_outcome_of_a_newer_server_is_not_an_error(client: reverie.Client, script: Script) -> None:
    script.outcome = cast(spec_pb2.Outcome, 99)
    assert render(client).outcome is reverie.Outcome.UNKNOWN


def test_a_stream_yields_accepted_then_progress_then_the_picture(client: reverie.Client) -> None:
    accepted, *progress, rendering = client.stream("tiny", "conv1_1", 3, frames_at=[0, 5], frame_size=8)
    assert isinstance(rendering, reverie.Rendering)
    assert accepted == reverie.Accepted(rendering.spec, rendering.spec_digest, 2.5)
    steps = [event for event in progress if isinstance(event, reverie.Progress)]
    assert len(steps) == len(progress)
    assert [(event.step, event.steps) for event in steps] == [(step, 5) for step in range(6)]
    assert [event.frame and event.frame.image.size for event in steps] == [(8, 8), *[None] * 4, (8, 8)]


def test_a_stream_reports_how_many_renders_are_before_it(client: reverie.Client, script: Script) -> None:
    script.queue = (3, 2, 0)
    accepted, *progress, _ = client.stream("tiny", "conv1_1", 3)
    assert isinstance(accepted, reverie.Accepted)
    assert accepted.queue_position == 3
    waiting = [(event.step, event.queue_position) for event in progress[:2] if isinstance(event, reverie.Progress)]
    assert waiting == [(0, 2), (0, 0)]


@pytest.mark.parametrize("priority", [*reverie.Priority, *map(str, reverie.Priority)])
def test_both_calls_send_the_priority(client: reverie.Client, script: Script, priority: str) -> None:
    render(client, priority=priority)
    list(client.stream("tiny", "conv1_1", 3, priority=priority))
    assert {wire.Priority.Name(request.priority) for request in script.requests} == {f"PRIORITY_{priority}".upper()}


def test_an_unknown_priority_is_not_sent(client: reverie.Client, script: Script) -> None:
    with pytest.raises(reverie.InvalidRequest, match="priority: 'urgent' is not one of interactive, batch"):
        render(client, priority="urgent")
    assert not script.requests


def test_a_server_may_not_know_how_long_a_render_will_take(client: reverie.Client, script: Script) -> None:
    script.estimated_s = None
    accepted, *_ = client.stream("tiny", "conv1_1", 3)
    assert isinstance(accepted, reverie.Accepted)
    assert accepted.estimated_s is None


def test_the_catalogue_is_read_to_its_last_page(client: reverie.Client, script: Script) -> None:
    assert [model.name for model in client.models()] == ["tiny", "other"]
    assert [layer.name for layer in client.layers("tiny")] == [layer.name for layer in LAYERS]
    assert len(script.requests) == 5


def test_the_catalogue_is_typed(client: reverie.Client) -> None:
    assert client.models()[0] == reverie.Model("tiny", DIGEST, "A tiny network.", 3, ("cat", "dog"), (32, 32))
    assert client.layers("tiny")[0] == reverie.Layer(
        name="conv1_1",
        aliases=("features.0",),
        operator="Conv",
        channels=8,
        spatial=True,
        stride=(1, 1),
        receptive_field=(3, 3),
        min_size=(3, 3),
        size_multiple=(1, 1),
        fixed_size=None,
        recommended=True,
        kind="convolution",
    )
    info = client.server_info()
    assert (info.version, info.device_class, info.providers) == ("0.1.0", "cpu-avx2", ("CPUExecutionProvider",))
    assert info.maker == MAKER
    assert info.presets == (reverie.Preset("lucid", "Lucid's.", 512), reverie.Preset("swift", "Few steps.", 48))
    assert info.limits == reverie.Limits(8, 1024, 4096, 100, 8, 1 << 26, 1 << 40, 4, 64, 2048, 1000, 4, 20)


def test_responses_larger_than_the_default_limit_of_grpc_arrive(client: reverie.Client) -> None:
    assert render(client, size=1400, format="raw").array.shape == (1400, 1400, 3)


# ----- errors -----


@pytest.mark.parametrize("ask", [render, last_of_stream])
def test_an_absent_server_is_unavailable_at_its_address(connect: Connect, tmp_path: Path, ask: Ask) -> None:
    client = connect(f"unix:{tmp_path}/nobody.sock")
    with pytest.raises(reverie.Unavailable, match=r"No Reverie server answers at unix:.*nobody\.sock"):
        ask(client)


@pytest.mark.parametrize("ask", [render, last_of_stream])
@pytest.mark.parametrize("fault", [UNAVAILABLE, FULL], ids=["unavailable", "full"])
def test_a_call_that_did_not_reach_a_server_is_retried(
    client: reverie.Client, script: Script, ask: Ask, fault: Fault
) -> None:
    script.faults.extend([fault, fault])
    assert ask(client).steps == 5
    assert len(script.requests) == 3


def test_catalogue_calls_are_retried(client: reverie.Client, script: Script) -> None:
    script.faults.extend([UNAVAILABLE, FULL])
    assert len(client.models()) == 2


@pytest.mark.parametrize("ask", [render, last_of_stream])
@pytest.mark.parametrize("fault", [FULL_FOR_LONG, OUT_OF_MEMORY], ids=["full for long", "out of memory"])
def test_an_error_that_waiting_does_not_fix_is_not_retried(
    client: reverie.Client, script: Script, ask: Ask, fault: Fault
) -> None:
    script.faults.append(fault)
    with pytest.raises(reverie.ResourceExhausted):
        ask(client)
    assert len(script.requests) == 1


def test_retries_are_limited(client: reverie.Client, script: Script) -> None:
    script.faults.extend([FULL] * 9)
    with pytest.raises(reverie.ResourceExhausted) as caught:
        render(client)
    assert caught.value.retry_after_s == pytest.approx(0.05)
    assert len(script.requests) == 3


def test_retries_end_with_the_timeout(client: reverie.Client, script: Script) -> None:
    script.faults.append(dataclasses.replace(FULL, details=(retry_info(2),)))
    with pytest.raises(reverie.ResourceExhausted):
        render(client, timeout=1)
    assert len(script.requests) == 1


@pytest.mark.parametrize("ask", [render, last_of_stream])
def test_a_retried_call_keeps_its_request_id_and_each_call_has_its_own(
    client: reverie.Client, script: Script, ask: Ask
) -> None:
    """A server that started the first attempt can then continue it."""
    script.faults.extend([FULL, STOPPING])
    ask(client)
    ask(client)
    *names, other = [uuid.UUID(request.request_id) for request in script.requests]
    assert len(names) == 3
    assert len(set(names)) == 1
    assert other != names[0]
    assert {name.version for name in (*names, other)} == {4}


def test_a_render_whose_server_went_away_is_requested_again(connect: Connect, script: Script, tmp_path: Path) -> None:
    script.wait_at = 0
    address = socket_address(tmp_path)
    with contextlib.ExitStack() as stack:
        _, server = stack.enter_context(serving(script, address))

        def restart() -> None:
            script.waiting.wait(10)
            script.wait_at = None
            server.stop(0).wait()
            stack.enter_context(serving(script, address))

        restarter = threading.Thread(target=restart)
        restarter.start()
        assert render(connect(address)).steps == 5
        restarter.join()
    assert len({request.request_id for request in script.requests}) == 1


def test_a_render_that_no_server_resumes_is_unavailable(connect: Connect, script: Script, tmp_path: Path) -> None:
    script.wait_at = 0
    with serving(script, socket_address(tmp_path)) as (address, server):
        client = connect(address)
        stopper = threading.Thread(target=lambda: script.waiting.wait(10) and server.stop(0))
        stopper.start()
        with pytest.raises((reverie.Unavailable, reverie.Cancelled)):
            render(client)
        stopper.join()
    assert len(script.requests) == 1


def test_a_stream_without_a_picture_is_an_internal_error(client: reverie.Client, script: Script) -> None:
    script.without_result = True
    with pytest.raises(reverie.InternalError, match="without sending the picture"):
        last_of_stream(client)


@pytest.mark.parametrize("ask", [render, last_of_stream])
def test_a_call_ends_at_its_deadline(client: reverie.Client, script: Script, ask: Ask) -> None:
    script.wait_at = 2
    with pytest.raises(reverie.DeadlineExceeded, match=r"^The time given to \S+ ran out: allow more with timeout, or"):
        ask(client, timeout=0.2)
    assert script.cancelled.wait(5)


@pytest.mark.parametrize(
    ("for_client", "for_call", "seconds"),
    [(None, None, 30), (7, None, 7), (7, 3, 3), (None, 3, 3)],
)
def test_catalogue_calls_have_thirty_seconds_by_default(
    connect: Connect, address: str, script: Script, for_client: float | None, for_call: float | None, seconds: float
) -> None:
    connect(address, timeout=for_client).models(timeout=for_call)
    assert script.seconds_left[0] == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize(("for_client", "options", "seconds"), [(7, {}, 7), (7, {"timeout": 3}, 3)])
def test_a_render_may_take_its_timeout(
    connect: Connect, address: str, script: Script, for_client: float | None, options: dict[str, Any], seconds: float
) -> None:
    render(connect(address, timeout=for_client), **options)
    assert script.seconds_left[0] == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize(("for_client", "options"), [(None, {}), (7, {"timeout": None})])
def test_a_render_has_no_time_limit_by_default(
    connect: Connect, address: str, script: Script, for_client: float | None, options: dict[str, Any]
) -> None:
    render(connect(address, timeout=for_client), **options)
    assert script.seconds_left[0] is None or script.seconds_left[0] > 1e6


def test_leaving_the_loop_cancels_the_render(client: reverie.Client, script: Script) -> None:
    script.wait_at = 2
    events = client.stream("tiny", "conv1_1", 3)
    for event in events:
        if isinstance(event, reverie.Progress):
            break
    del event, events
    assert script.cancelled.wait(5)


def test_a_closed_client_says_so(connect: Connect, address: str) -> None:
    client = connect(address)
    render(client)
    client.close()
    with pytest.raises(reverie.UsageError, match="is closed"):
        client.models()


async def test_cancelling_the_task_cancels_the_render(address: str, script: Script) -> None:
    script.wait_at = 0
    async with reverie.AsyncClient(address) as client:
        task = asyncio.create_task(client.render("tiny", "conv1_1", 3))
        await asyncio.to_thread(script.waiting.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await asyncio.to_thread(script.cancelled.wait, 5)


async def test_leaving_an_async_loop_cancels_the_render(address: str, script: Script) -> None:
    script.wait_at = 1
    async with reverie.AsyncClient(address) as client:
        async for event in client.stream("tiny", "conv1_1", 3):
            if isinstance(event, reverie.Progress):
                break
        assert await asyncio.to_thread(script.cancelled.wait, 5)


async def test_many_renders_share_one_connection(address: str) -> None:
    async with reverie.AsyncClient(address) as client:
        renderings = await asyncio.gather(*(client.render("tiny", "conv1_1", 3, seed=seed) for seed in range(8)))
    assert [rendering.spec.seed for rendering in renderings] == list(range(8))


def test_an_open_channel_can_be_passed_and_stays_open(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        with reverie.Client(channel=channel) as client:
            assert len(client.models()) == 2
        with reverie.Client(channel=channel) as client:
            assert len(client.models()) == 2
