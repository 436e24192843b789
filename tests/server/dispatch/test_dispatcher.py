"""Requests for the same picture: answered from the store, by a shared render, or by a new render."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from threading import Event as Flag
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from reverie_proto.v1 import spec_pb2
from reverie_proto.v1.spec_pb2 import FrameRequest
from reverie_proto.v1.visualization_pb2 import (
    CACHE_MODE_BYPASS,
    CACHE_MODE_ONLY,
    CACHE_MODE_USE,
    RenderImageRequest,
    StreamRenderRequest,
)
from reverie_server import (
    Engine,
    InvalidRequest,
    NotStored,
)

from tests.server.hosts import Served, served
from tests.server.rpc.test_service import FORMATS, endless, read, refusal, spec, until


@pytest.fixture
def keeping(models: Path, tmp_path: Path) -> Iterator[Engine]:
    """An engine with its own store."""
    with Engine([models], device="cpu", threads=1, store=tmp_path / "results") as engine:
        yield engine


@pytest.fixture
async def kept(keeping: Engine) -> AsyncIterator[Served]:
    async with served(keeping) as service:
        yield service


async def image(service: Served, **fields: Any) -> spec_pb2.Rendering:
    request = RenderImageRequest(**{"spec": spec(), **fields})
    rendering: spec_pb2.Rendering = (await service.call.RenderImage(request)).rendering
    return rendering


async def stored(service: Served) -> None:
    """Wait until the store has the picture; the caller gets it earlier."""
    await until(lambda: service.engine.counts().stored == service.engine.stats().finished)


# ----- the store -----


@pytest.mark.parametrize("form", FORMATS, ids=spec_pb2.ImageFormat.Name)
async def test_the_second_request_is_answered_from_the_store_with_the_same_bytes(
    kept: Served, form: spec_pb2.ImageFormat
) -> None:
    first, second = await image(kept, format=form), await image(kept, format=form)
    assert (first.cached, second.cached) == (False, True)
    second.cached = False
    assert second == first
    assert kept.engine.stats().finished == 1


async def test_a_stream_says_at_once_that_the_picture_is_there(kept: Served) -> None:
    await image(kept)
    replies = [reply async for reply in kept.call.StreamRender(StreamRenderRequest(spec=spec()))]
    assert [reply.WhichOneof("event") for reply in replies] == ["accepted", "result"]
    assert replies[0].accepted.cached
    assert replies[1].result.cached


async def test_another_process_finds_what_this_one_rendered(kept: Served, models: Path, tmp_path: Path) -> None:
    first = await image(kept)
    await stored(kept)
    with Engine([models], device="cpu", threads=1, store=tmp_path / "results") as other:
        again = await asyncio.to_thread(lambda: other.render(spec=spec()))
        assert other.stats().finished == 0
    assert again.encoded() == first.image.data


async def test_an_exact_engine_has_its_own_pictures(kept: Served, models: Path, tmp_path: Path) -> None:
    await image(kept)
    await stored(kept)
    with Engine([models], device="cpu", threads=1, exact=True, store=tmp_path / "results") as other:
        assert not (await asyncio.to_thread(lambda: other.render(spec=spec()))).cached


async def test_bypass_renders_again_and_only_never_does(kept: Served) -> None:
    seen = await refusal(kept.call.RenderImage(RenderImageRequest(spec=spec(), cache=CACHE_MODE_ONLY)))
    assert (seen.code, seen.detail(error_details_pb2.ErrorInfo).reason) == (grpc.StatusCode.NOT_FOUND, "NOT_STORED")
    first = await image(kept, cache=CACHE_MODE_USE)
    assert seen.detail(error_details_pb2.ResourceInfo).resource_name == first.spec_digest
    again = await image(kept, cache=CACHE_MODE_BYPASS)
    only = await image(kept, cache=CACHE_MODE_ONLY)
    assert (first.cached, again.cached, only.cached) == (False, False, True)
    assert first.image == again.image == only.image
    assert kept.engine.stats().finished == 2


async def test_frames_are_rendered_and_the_result_is_stored(kept: Served) -> None:
    frames = FrameRequest(steps=[1, 2])
    first, second = await image(kept, frames=frames), await image(kept, frames=frames)
    assert [len(each.frames) for each in (first, second)] == [2, 2]
    assert kept.engine.stats().finished == 2
    assert (await image(kept)).cached


async def test_a_damaged_result_is_rendered_again(kept: Served, tmp_path: Path) -> None:
    first = await image(kept)
    await stored(kept)
    (path,) = (path for path in (tmp_path / "results").rglob("*") if path.is_file())
    path.write_bytes(path.read_bytes()[:-9])
    again = await image(kept)
    assert not again.cached
    assert again.image == first.image
    await stored(kept)
    assert (await image(kept)).cached


async def test_a_store_that_cannot_be_written_does_not_fail_a_render(models: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    engine = await asyncio.to_thread(
        Engine, [models], device="cpu", threads=1, store=tmp_path / "file" / "results", jobs="off"
    )
    async with served(engine) as service:
        pictures = [await image(service)]
        await until(lambda: engine.counts().not_stored == 1)  # until then another request shares the picture
        pictures.append(await image(service))
    await asyncio.to_thread(engine.close)
    assert pictures[0].image == pictures[1].image
    assert engine.counts().not_stored == 2


def test_the_options_of_the_engine_include_the_store(keeping: Engine) -> None:
    with pytest.raises(NotStored):
        keeping.render("tiny", "conv1_1", 1, size=32, steps=4, cache="only")
    assert not keeping.render("tiny", "conv1_1", 1, size=32, steps=4).cached
    assert keeping.render("tiny", "conv1_1", 1, size=32, steps=4, cache="only").cached
    with pytest.raises(InvalidRequest, match="cache: 'onli' is not one of use, bypass, only"):
        keeping.render("tiny", "conv1_1", 1, cache="onli")


REFUSED = [
    ({"cache": 9}, "cache", r"9 is not one of 1 \(CACHE_MODE_USE\)"),
    ({"cache": CACHE_MODE_ONLY, "frames": FrameRequest(steps=[1])}, "frames", "are not stored"),
    ({"request_id": "mine"}, "request_id", "'mine' is not a UUID of version 4"),
    ({"request_id": str(uuid.uuid1())}, "request_id", "is not a UUID of version 4"),
    ({"request_id": uuid.uuid4().hex}, "request_id", "is not a UUID of version 4"),
    ({"request_id": "x" * 10**5}, "request_id", "xxx... is not a UUID of version 4"),
]


@pytest.mark.parametrize(("fields", "field", "problem"), REFUSED, ids=lambda value: str(value)[:40])
def test_an_invalid_option_is_refused(keeping: Engine, fields: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem) as caught:
        keeping.check(RenderImageRequest(spec=spec(), **fields))
    assert [violation.field for violation in caught.value.violations] == [field]


# ----- shared renders -----


async def progress_of(service: Served, request: StreamRenderRequest) -> tuple[Any, list[int]]:
    """Return a result, and the steps of which its caller got progress."""
    steps = []
    async for reply in service.call.StreamRender(request):
        if reply.WhichOneof("event") == "progress":
            steps.append(reply.progress.step)
    return reply.result, steps


async def test_requests_at_the_same_time_share_a_render(kept: Served, gate: Flag) -> None:
    same = spec(steps=400)
    requests = [
        StreamRenderRequest(spec=same, format=spec_pb2.IMAGE_FORMAT_WEBP),
        StreamRenderRequest(spec=same, progress_every_steps=8),
        StreamRenderRequest(spec=same),
    ]
    reading = asyncio.gather(*(progress_of(kept, request) for request in requests))
    await until(lambda: kept.engine.counts().joined == 2)
    gate.set()
    first, second, third = await reading
    assert kept.engine.stats().finished == 1
    assert kept.engine.counts().joined == 2
    assert first[0].image.format == spec_pb2.IMAGE_FORMAT_WEBP
    assert second[0].image == third[0].image
    assert all(step % 8 == 0 for step in second[1])


async def test_a_request_for_frames_renders_alone(kept: Served) -> None:
    same = spec(steps=300)
    plain = asyncio.create_task(progress_of(kept, StreamRenderRequest(spec=same)))
    await until(lambda: kept.engine.stats().steps > 0)
    replies = kept.call.StreamRender(StreamRenderRequest(spec=same, frames=FrameRequest(steps=[0, 1])))
    frames = [reply.progress.frame.step async for reply in replies if reply.progress.HasField("frame")]
    assert frames == [0, 1]
    await plain
    assert kept.engine.stats().finished == 2


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_a_shared_render_stops_when_the_last_caller_leaves(kept: Served, kind: str) -> None:
    request = endless()
    make = {"unary": RenderImageRequest, "stream": StreamRenderRequest}[kind]
    method = {"unary": kept.call.RenderImage, "stream": kept.call.StreamRender}[kind]
    calls = [method(make(spec=request)) for _ in range(3)]
    reading = [asyncio.create_task(read(call, kind)) for call in calls]
    await until(lambda: kept.engine.counts().joined == 2 and kept.engine.stats().steps > 0)
    for call in calls[:2]:
        call.cancel()
    before = kept.engine.stats().steps
    await until(lambda: kept.engine.stats().steps > before + 50)
    assert kept.engine.stats().running == 1
    calls[2].cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    await until(lambda: kept.engine.stats().running == 0)
    assert kept.engine.stats().late_steps <= 1


async def test_a_request_after_all_callers_left_starts_a_new_render(kept: Served) -> None:
    request = spec(steps=2000)
    first = kept.call.RenderImage(RenderImageRequest(spec=request))
    await until(lambda: kept.engine.stats().steps > 0)
    first.cancel()
    assert (await image(kept, spec=request)).steps == 2000


# ----- request ids -----


async def test_a_retry_joins_its_first_attempt(kept: Served, gate: Flag) -> None:
    one, bypass = spec(steps=400), CACHE_MODE_BYPASS
    name = str(uuid.uuid4())
    both = [image(kept, spec=one, cache=bypass, request_id=name) for _ in range(2)]
    reading = asyncio.gather(*both)
    await until(lambda: kept.engine.counts().joined == 1)
    gate.set()
    first, second = await reading
    assert first == second
    after = await image(kept, spec=one, cache=bypass, request_id=name)
    assert after.cached
    assert after.image == first.image
    assert kept.engine.stats().finished == 1
    other = await image(kept, spec=one, cache=bypass, request_id=str(uuid.uuid4()))
    assert other.image == first.image
    assert kept.engine.stats().finished == 2


async def test_a_retry_of_an_interrupted_render_starts_again(kept: Served) -> None:
    name, one = str(uuid.uuid4()), spec(steps=2000)
    first = kept.call.RenderImage(RenderImageRequest(spec=one, request_id=name))
    await until(lambda: kept.engine.stats().steps > 0)
    first.cancel()
    await until(lambda: kept.engine.stats().running == 0)
    assert (await image(kept, spec=one, request_id=name)).steps == 2000


async def test_another_spec_under_the_same_id_is_refused(kept: Served) -> None:
    name = str(uuid.uuid4())
    await image(kept, request_id=name)
    seen = await refusal(kept.call.RenderImage(RenderImageRequest(spec=spec(seed=9), request_id=name)))
    assert seen.code is grpc.StatusCode.INVALID_ARGUMENT
    (violation,) = seen.detail(error_details_pb2.BadRequest).field_violations
    assert violation.field == "request_id"
