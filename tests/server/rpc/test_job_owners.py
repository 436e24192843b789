"""Jobs of several clients: who sees them, who may cancel them, how many there may be, and who pays for them."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc
from reverie_proto.v1 import jobs_pb2 as wire
from reverie_proto.v1.visualization_pb2 import StreamRenderRequest
from reverie_server import Engine, Limits
from reverie_server.jobs import waits
from reverie_server.rpc import auth
from reverie_server.rpc.api_keys import read

from tests.server.hosts import render_request
from tests.server.jobs.test_jobs import endless, job, some, state
from tests.server.rpc.test_api_keys import bearer, create, guarded, refused, run, status
from tests.server.rpc.test_interceptor import ended_call
from tests.server.rpc.test_service import until

#: Pixel-steps of one picture of `job`.
PICTURE = 16**2 * 3


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


class Service:
    """A server that needs keys, and its engine."""

    def __init__(self, engine: Engine, call: Any) -> None:
        self.engine, self.call = engine, call

    async def create(self, key: str, request: wire.CreateRenderJobRequest) -> wire.RenderJob:
        made: wire.RenderJob = (await self.call("CreateRenderJob", request, key)).job
        return made

    async def get(self, key: str, name: str) -> wire.RenderJob:
        found: wire.RenderJob = (await self.call("GetRenderJob", wire.GetRenderJobRequest(id=name), key)).job
        return found

    async def listed(self, key: str, **fields: Any) -> list[str]:
        """Return the ids of all jobs that a key sees, page by page."""
        names, token = [], ""
        while True:
            request = wire.ListRenderJobsRequest(page_token=token, **fields)
            page = await self.call("ListRenderJobs", request, key)
            names += [each.id for each in page.jobs]
            if not (token := page.next_page_token):
                return names

    async def until_ended(self, name: str) -> None:
        await until(lambda: self.engine.jobs.get(name).HasField("ended_at"))


Start = Callable[..., contextlib.AbstractAsyncContextManager[Service]]


@pytest.fixture
def start(models: Path, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Return a function that starts one server after the other on the same keys, jobs and store."""
    monkeypatch.setattr(waits, "RECHECK_S", 0.05)
    monkeypatch.setattr(auth, "RECHECK_S", 0.05)

    @contextlib.asynccontextmanager
    async def started(**limits: int) -> AsyncIterator[Service]:
        places: dict[str, Any] = {"store": tmp_path / "results", "jobs": tmp_path / "jobs.sqlite"}
        engine = await asyncio.to_thread(Engine, [models], device="cpu", threads=1, limits=Limits(**limits), **places)
        try:
            async with guarded(engine, file) as call:
                yield Service(engine, call)
        finally:
            await asyncio.to_thread(engine.close)

    return started


# ----- who sees a job -----


async def test_a_job_exists_only_for_its_key_and_for_an_admin(start: Start, file: Path) -> None:
    ada, bob, root = create(file, "ada"), create(file, "bob"), create(file, "root", "--rights", "admin")
    async with start() as service:
        mine = await service.create(ada, job())
        assert mine.owner == f"key:{read(file)[0].id}"
        await service.until_ended(mine.id)
        requests = {
            "GetRenderJob": wire.GetRenderJobRequest(id=mine.id),
            "CancelRenderJob": wire.CancelRenderJobRequest(id=mine.id),
        }
        unknown = {
            "GetRenderJob": wire.GetRenderJobRequest(id="x"),
            "CancelRenderJob": wire.CancelRenderJobRequest(id="x"),
        }
        for method, request in requests.items():
            others, none = (
                await refused(service.call(method, request, bob)),
                await refused(service.call(method, unknown[method], bob)),
            )
            assert (others.code, others.detail(rpc.ErrorInfo)) == (none.code, none.detail(rpc.ErrorInfo))
            assert others.code is grpc.StatusCode.NOT_FOUND
            assert others.sentence.replace(mine.id, "x") == none.sentence
            for key in (ada, root):
                assert (await service.call(method, request, key)).job.id == mine.id
        for key, seen in ((ada, True), (bob, False), (root, True)):
            watching = service.call.stub.WatchRenderJob(
                wire.WatchRenderJobRequest(id=mine.id), metadata=bearer(key), timeout=30
            )
            if seen:
                assert [event.job.id async for event in watching][-1] == mine.id
            else:
                assert (await refused(watching.read())).code is grpc.StatusCode.NOT_FOUND


async def test_lists_and_their_pages_hold_only_the_callers_jobs(start: Start, file: Path) -> None:
    ada, bob, root = create(file, "ada"), create(file, "bob"), create(file, "root", "--rights", "read,admin")
    async with start() as service:
        made: dict[str, list[str]] = {ada: [], bob: []}
        for number in range(6):
            key = (ada, bob)[number % 2]
            made[key].append((await service.create(key, job(some("conv1_1", (number, number))))).id)
        for key in (ada, bob):
            for size in (0, 1, 2):
                assert await service.listed(key, page_size=size) == made[key][::-1]
        assert sorted(await service.listed(root, page_size=4)) == sorted(made[ada] + made[bob])


async def test_two_clients_may_use_one_request_id(start: Start, file: Path) -> None:
    ada, bob, name = create(file, "ada"), create(file, "bob"), str(uuid.uuid4())
    async with start() as service:
        first, again = [(await service.create(ada, job(request_id=name))).id for _ in range(2)]
        other = (await service.create(bob, job(steps=4, request_id=name))).id
        assert first == again != other


async def test_open_jobs_are_bounded_for_each_client_and_for_all(start: Start, file: Path) -> None:
    keys = [create(file, name) for name in ("ada", "bob", "cyn")]
    async with start(max_open_jobs=2, max_open_jobs_in_all=5) as service:
        for key, most in zip(keys, (2, 2, 1), strict=True):
            for _ in range(most):
                await service.create(key, endless())
            refusal = await refused(service.call("CreateRenderJob", endless(), key))
            assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert ("of all clients" in refusal.sentence) is (key == keys[2])
        first = (await service.listed(keys[0]))[0]
        await service.call("CancelRenderJob", wire.CancelRenderJobRequest(id=first), keys[0])
        await service.create(keys[2], endless())


async def test_one_client_does_not_push_out_the_ended_jobs_of_another(start: Start, file: Path) -> None:
    ada, bob = create(file, "ada"), create(file, "bob")
    async with start(max_ended_jobs=2, max_ended_jobs_in_all=3) as service:
        kept = await service.create(ada, job())
        await service.until_ended(kept.id)
        for _ in range(4):
            made = await service.create(bob, endless())
            await service.call("CancelRenderJob", wire.CancelRenderJobRequest(id=made.id), bob)
        assert len(await service.listed(bob)) == 2
        assert await service.listed(ada) == [kept.id]


# ----- who pays -----


async def test_a_job_of_a_key_over_its_quota_waits_and_others_go_on(start: Start, file: Path) -> None:
    poor, rich = create(file, "poor", "--pixel-steps", str(PICTURE / 1000)), create(file, "rich")
    async with start() as service:
        waiting = (await service.create(poor, job(some("conv1_1", (0, 3))))).id
        await until(lambda: "this key may take" in service.engine.jobs.get(waiting).detail)
        after = (await service.create(rich, job(some("conv2_1", (0, 3))))).id
        await service.until_ended(after)
        seen = await service.get(poor, waiting)
        assert state(seen) in ("QUEUED", "RUNNING")
        assert seen.failed_count == 0
        assert "goes on by itself in about" in seen.detail
        refusal = await refused(service.call("RenderImage", render_request(channel=5), poor))
        assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal.detail(rpc.QuotaFailure).violations[0].subject == "pixel_steps_per_minute"
    async with start() as service:  # the owner is still known
        await until(lambda: service.engine.stats().finished > 0)
        await until(lambda: "this key may take" in service.engine.jobs.get(waiting).detail)
        assert (await service.get(poor, waiting)).owner == f"key:{read(file)[0].id}"
        assert service.engine.stats().finished < 4
        file.write_text(file.read_text().replace(str(PICTURE / 1000), "1e12"))
        await service.until_ended(waiting)
        assert state(await service.get(poor, waiting)) == "SUCCEEDED"


async def test_jobs_take_no_place_of_the_renders_in_progress(start: Start, file: Path) -> None:
    key = create(file, "ada", "--renders", "1")
    async with start() as service:
        await service.create(key, endless())
        await until(lambda: service.engine.stats().steps > 0)
        answer = await service.call.stub.RenderImage(render_request(), metadata=bearer(key))
        assert answer.rendering.steps == 1


# ----- revoked keys -----


async def test_the_streams_of_a_revoked_key_end(start: Start, file: Path) -> None:
    ada, bob = create(file, "ada"), create(file, "bob")
    async with start() as service:
        name = (await service.create(ada, endless())).id
        request = StreamRenderRequest(spec=render_request(steps=10_000, size_px=256).spec)
        streams = [
            service.call.stub.StreamRender(request, metadata=bearer(ada)),
            service.call.stub.WatchRenderJob(wire.WatchRenderJobRequest(id=name), metadata=bearer(ada)),
        ]
        kept = service.call.stub.StreamRender(
            StreamRenderRequest(spec=render_request(steps=9_999, size_px=256).spec), metadata=bearer(bob)
        )
        for stream in (*streams, kept):
            await stream.read()
        unary = service.call.stub.RenderImage(render_request(steps=9_000, size_px=256), metadata=bearer(ada))
        await until(lambda: len(service.engine._step_loop._state.scheduler.queue) >= 3)
        assert run(file, "revoke", read(file)[0].id).exit_code == 0
        for stream in streams:
            assert await status(ended_call(stream, streams=True)) is grpc.StatusCode.UNAUTHENTICATED
        assert (await refused(unary)).code is grpc.StatusCode.UNAUTHENTICATED
        await until(lambda: len(service.engine._step_loop._state.scheduler.queue) == 1)
        assert (await kept.read()).WhichOneof("event") == "progress"
        kept.cancel()


async def test_a_stream_ends_when_its_key_loses_the_right(start: Start, file: Path) -> None:
    key = create(file, "ada")
    async with start() as service:
        request = StreamRenderRequest(spec=render_request(steps=10_000, size_px=256).spec)
        stream = service.call.stub.StreamRender(request, metadata=bearer(key))
        await stream.read()
        file.write_text(file.read_text().replace('"render"', '"read"'))
        assert await status(ended_call(stream, streams=True)) is grpc.StatusCode.PERMISSION_DENIED


async def test_a_job_of_a_revoked_key_waits_until_the_key_is_back_or_an_admin_cancels_it(
    start: Start, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, root = create(file, "ada"), create(file, "root", "--rights", "admin")
    with_ada = file.read_text()
    async with start() as service:
        jobs = service.engine.jobs
        first, second = [(await service.create(ada, endless())).id for _ in range(2)]
        await until(lambda: service.engine.stats().steps > 0)
        assert run(file, "revoke", read(file)[0].id).exit_code == 0
        await until(lambda: "is not known any more" in jobs.get(first).detail)
        await until(lambda: service.engine.stats().running == service.engine.stats().waiting == 0)
        assert state((await service.call("CancelRenderJob", wire.CancelRenderJobRequest(id=first), root)).job) == (
            "CANCELLED"
        )
        file.write_text(with_ada)
        await until(lambda: not jobs.get(second).detail)
        await until(lambda: service.engine.stats().running == 1)
        assert state(await service.get(ada, second)) == "QUEUED"
    run(file, "revoke", read(file)[0].id)
    async with start() as service:  # the job of a revoked key does not begin after a restart either
        await until(lambda: "is not known any more" in service.engine.jobs.get(second).detail)
        assert service.engine.stats().steps == 0
