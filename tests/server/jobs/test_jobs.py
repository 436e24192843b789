"""Jobs: their progress and their end when clients leave, processes die and disks fail."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from threading import Event as Flag
from typing import Any

import grpc
import pytest
from google.protobuf import text_format
from google.rpc import error_details_pb2
from reverie_ascent import Ascent
from reverie_proto.v1 import jobs_pb2
from reverie_proto.v1.jobs_pb2 import (
    CancelRenderJobRequest,
    ChannelRange,
    CreateRenderJobRequest,
    GetRenderJobRequest,
    JobLayer,
    ListRenderJobsRequest,
    RenderJob,
    WatchRenderJobRequest,
    WatchRenderJobResponse,
)
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_proto.v1.visualization_pb2 import CACHE_MODE_ONLY, RenderImageRequest
from reverie_server import Engine, Fault, InvalidRequest, JobsOff, JobsUnreachable, Limits, NotServed, TooManyJobs
from reverie_server.jobs import runner
from reverie_server.jobs.database import JobDatabase
from reverie_server.jobs.repository import JobRepository
from reverie_server.jobs.request import Item, JobRequest
from reverie_server.jobs.results import Done
from reverie_server.store.breaker import Breaker

from tests.models import write_tiny_model
from tests.server.fakes import PATIENCE_S
from tests.server.hosts import Served, served
from tests.server.results import FullDisk
from tests.server.rpc.test_service import refusal, until
from tests.sizes import square

Open = Callable[..., Engine]


@pytest.fixture
def at(models: Path, tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens engines one after the other on the same store and the same jobs."""
    with contextlib.ExitStack() as stack:

        def at(folder: Path = models, **options: Any) -> Engine:
            places = {"store": tmp_path / "results", "jobs": tmp_path / "jobs.sqlite"}
            return stack.enter_context(Engine([folder], device="cpu", threads=1, **(places | options)))

        yield at


@pytest.fixture
async def working(at: Open) -> AsyncIterator[Served]:
    async with served(await asyncio.to_thread(at)) as service:
        yield service


def job(*layers: JobLayer, steps: int = 3, **fields: Any) -> CreateRenderJobRequest:
    template = RenderSpec(model="tiny", size=square(16), steps=steps)
    return CreateRenderJobRequest(template=template, layers=layers or [some("conv1_1", (0, 3))], **fields)


def some(layer: str, *ranges: tuple[int, int]) -> JobLayer:
    return JobLayer(layer=layer, channels=[ChannelRange(first=first, last=last) for first, last in ranges])


def endless(seed: int = 0) -> CreateRenderJobRequest:
    """Return a job that takes many minutes."""
    request = job(some("conv1_1"), steps=10_000)
    request.template.size.CopyFrom(square(256))
    request.template.seed = seed
    return request


async def watch(service: Served, name: str, after: int = 0) -> list[WatchRenderJobResponse]:
    request = WatchRenderJobRequest(id=name, after_sequence=after)
    return [response async for response in service.call.WatchRenderJob(request, timeout=60)]


async def create(service: Served, request: CreateRenderJobRequest) -> RenderJob:
    made: RenderJob = (await service.call.CreateRenderJob(request)).job
    return made


async def get(service: Served, name: str) -> RenderJob:
    job_state: RenderJob = (await service.call.GetRenderJob(GetRenderJobRequest(id=name))).job
    return job_state


def state(job: RenderJob) -> str:
    return jobs_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_")


# ----- the course of a job -----


async def test_a_job_makes_a_picture_of_every_channel(working: Served) -> None:
    made = await create(working, job(some("features.0"), some("logits", (1, 1), (3, 4), (3, 3))))
    assert state(made) == "QUEUED"
    assert made.item_count == 6 + 3
    assert [layer.layer for layer in made.layers] == ["conv1_1", "logits"]
    assert made.template.model_digest
    assert not made.template.HasField("objective")

    events = await watch(working, made.id)
    assert events[0].job.template == made.template
    assert [each.sequence for each in events] == list(range(11))
    items = [each.item for each in events if each.HasField("item")]
    assert sorted((item.index, item.layer, item.channel) for item in items) == [
        *((i, "conv1_1", i) for i in range(6)),
        (6, "logits", 1),
        (7, "logits", 3),
        (8, "logits", 4),
    ]
    last = events[-1].job
    assert (state(last), last.done_count, last.failed_count, last.sequence) == ("SUCCEEDED", 9, 0, 10)
    assert last.created_at.ToSeconds() <= last.ended_at.ToSeconds()
    for item in items:
        request = RenderImageRequest(spec=item.effective_spec, cache=CACHE_MODE_ONLY)
        rendering = (await working.call.RenderImage(request)).rendering
        assert rendering.effective_spec == item.effective_spec
        assert (rendering.spec_digest, rendering.activation) == (item.spec_digest, item.activation)
        assert rendering.outcome == item.outcome


async def test_the_log_names_each_picture_of_a_job(working: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "reverie_server"):
        name = (await create(working, job(some("conv1_1", (0, 2))))).id
        await watch(working, name)
    records = [record for record in caplog.records if getattr(record, "request_id", "").startswith(f"{name}/")]
    assert sorted(record.request_id for record in records) == [f"{name}/{i}" for i in range(3)]  # type: ignore[attr-defined]
    assert all("converged in" in record.message for record in records)


async def test_the_log_names_the_picture_that_an_incident_is_about(
    working: Served, caplog: pytest.LogCaptureFixture
) -> None:
    await break_the_device(working, "", None)
    name = (await create(working, job(some("conv1_1", (2, 2))))).id
    (failed,) = (each.item for each in await watch(working, name) if each.HasField("item"))
    (record,) = (record for record in caplog.records if failed.error.rpartition(" ")[2] in record.message)
    assert record.request_id == f"{name}/0"  # type: ignore[attr-defined]


async def test_pictures_in_the_store_are_not_rendered_again(working: Served) -> None:
    await watch(working, (await create(working, job())).id)
    again = await watch(working, (await create(working, job(some("conv1_1")))).id)
    assert (again[-1].job.done_count, again[-1].job.cached_count) == (6, 4)
    assert working.engine.stats().finished == 6


async def test_watching_resumes_after_any_event(working: Served) -> None:
    name = (await create(working, job())).id
    everything = await watch(working, name)
    for after in range(7):
        events = await watch(working, name, after)
        assert events[0].sequence == after
        wanted = [each for each in everything[1:] if each.sequence > after]
        assert [(each.sequence, each.item) for each in events[1:]] == [(each.sequence, each.item) for each in wanted]
        assert events[-1].job.state == everything[-1].job.state


async def test_a_job_continues_without_a_watcher(working: Served) -> None:
    name = (await create(working, job(steps=50))).id
    watching = working.call.WatchRenderJob(WatchRenderJobRequest(id=name))
    await watching.read()
    watching.cancel()
    await until(lambda: ended(working.engine.jobs.get(name)))
    assert state(await get(working, name)) == "SUCCEEDED"


@pytest.mark.parametrize("front", [1, 4])
async def test_short_pictures_are_made_beside_the_long_ones_of_other_jobs(working: Served, front: int) -> None:
    slow = [await create(working, endless(seed)) for seed in range(front)]
    await until(lambda: working.engine.stats().steps > 20)
    quick = await create(working, job(some("conv1_1"), some("conv2_1", (0, 1))))
    assert state((await watch(working, quick.id))[-1].job) == "SUCCEEDED"
    for each in slow:
        assert (await get(working, each.id)).done_count == 0
        await working.call.CancelRenderJob(CancelRenderJobRequest(id=each.id))


async def test_a_cancelled_job_stops_within_a_step_and_keeps_finished_pictures(working: Served) -> None:
    done = await watch(working, (await create(working, job())).id)
    name = (await create(working, endless())).id
    watching = asyncio.create_task(watch(working, name))
    await until(lambda: working.engine.stats().running == 1 and working.engine.stats().steps > 50)
    cancelled = (await working.call.CancelRenderJob(CancelRenderJobRequest(id=name))).job
    assert state(cancelled) == "CANCELLED"
    await until(lambda: working.engine.stats().running == working.engine.stats().waiting == 0)
    assert working.engine.stats().late_steps <= 1
    assert state((await watching)[-1].job) == "CANCELLED"
    again = (await working.call.CancelRenderJob(CancelRenderJobRequest(id=name))).job
    assert again == cancelled
    assert state(await get(working, done[0].job.id)) == "SUCCEEDED"


async def test_a_request_with_an_id_creates_one_job(working: Served) -> None:
    name = str(uuid.uuid4())
    first, second = [await create(working, job(request_id=name)) for _ in range(2)]
    assert first.id == second.id
    seen = await refusal(working.call.CreateRenderJob(job(steps=4, request_id=name)))
    assert "request_id: stands for another job already" in str(seen.sentence)
    assert len((await working.call.ListRenderJobs(ListRenderJobsRequest())).jobs) == 1


async def test_jobs_are_listed_newest_first_a_page_at_a_time(working: Served) -> None:
    names = [(await create(working, job(some("conv1_1", (i, i))))).id for i in range(5)]
    found, token = [], ""
    while True:
        page = await working.call.ListRenderJobs(ListRenderJobsRequest(page_size=2, page_token=token))
        assert len(page.jobs) <= 2
        found += [each.id for each in page.jobs]
        if len(found) == 2:
            await create(working, job(some("conv1_1", (5, 5))))  # does not shift the pages
        if not (token := page.next_page_token):
            break
    assert found == names[::-1]


@pytest.mark.parametrize("method", ["GetRenderJob", "CancelRenderJob", "WatchRenderJob"])
async def test_an_unknown_job_is_not_found(working: Served, method: str) -> None:
    request = getattr(jobs_pb2, f"{method}Request")(id="none")
    call = getattr(working.call, method)(request)
    seen = await refusal(call.read() if method == "WatchRenderJob" else call)
    assert (seen.code, seen.detail(error_details_pb2.ErrorInfo).reason) == (grpc.StatusCode.NOT_FOUND, "NO_SUCH_JOB")


async def test_draining_ends_watches_and_refuses_jobs(working: Served) -> None:
    name = (await create(working, endless())).id
    watching = working.call.WatchRenderJob(WatchRenderJobRequest(id=name))
    await watching.read()
    await until(lambda: working.engine.stats().running == 1)
    await working.mount.drain(5)
    await until(lambda: working.engine.stats().running == working.engine.stats().waiting == 0)
    for call in (watching.read(), working.call.CreateRenderJob(job())):
        seen = await refusal(call)
        assert seen.detail(error_details_pb2.ErrorInfo).reason == "DRAINING"


# ----- every possible end of a job and its watcher -----


async def nothing(service: Served, name: str, watching: Any) -> None:
    pass


async def cancel_the_job(service: Served, name: str, watching: Any) -> None:
    await service.call.CancelRenderJob(CancelRenderJobRequest(id=name))


async def cancel_the_watch(service: Served, name: str, watching: Any) -> None:
    watching.cancel()


async def drain(service: Served, name: str, watching: Any) -> None:
    await service.mount.drain(5)


async def disconnect(service: Served, name: str, watching: Any) -> None:
    await service.channel.close(None)


async def break_the_device(service: Served, name: str, watching: Any) -> None:
    step_loop = service.engine._step_loop
    step_loop._loader._load = _broken
    for batch in list(step_loop._state.programs):
        batch.step = _broken  # type: ignore[method-assign]


def _broken(*_: Any) -> Any:
    raise RuntimeError("the device is gone")


# An event, the seconds that the watch may take, and the state of the job afterwards.
ENDS: list[tuple[Callable[..., Any], float | None, str]] = [
    (nothing, None, "SUCCEEDED"),
    (cancel_the_job, None, "CANCELLED"),
    (nothing, 0.05, "SUCCEEDED"),
    (cancel_the_watch, None, "SUCCEEDED"),
    (disconnect, None, "SUCCEEDED"),
    (drain, None, "RUNNING"),
    (break_the_device, None, "FAILED"),
]


@pytest.mark.parametrize(("happens", "timeout", "wanted"), ENDS, ids=lambda value: getattr(value, "__name__", value))
async def test_every_event_ends_a_job_as_expected_and_leaves_nothing_behind(
    working: Served,
    happens: Callable[..., Any],
    timeout: float | None,
    wanted: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event happens after the first picture, where the device is held back."""
    jobs, happened, step = working.engine.jobs, Flag(), Ascent.step

    def held(ascent: Ascent) -> Any:
        assert not working.engine.stats().finished or happened.wait(PATIENCE_S)
        return step(ascent)

    monkeypatch.setattr(Ascent, "step", held)
    name = (await create(working, job(some("conv1_1", (0, 3)), some("conv2_1", (0, 1)), steps=50))).id
    watching = working.call.WatchRenderJob(WatchRenderJobRequest(id=name), timeout=timeout)
    reading = asyncio.create_task(read_all(watching))
    await until(lambda: jobs.get(name).done_count > 0)
    await happens(working, name, watching)
    happened.set()
    if wanted != "RUNNING":
        await until(lambda: ended(jobs.get(name)))
    job_state = jobs.get(name)
    assert state(job_state) == wanted
    assert job_state.done_count + job_state.failed_count <= job_state.item_count == 6
    await asyncio.gather(reading, return_exceptions=True)
    await until(lambda: working.engine.stats().running == working.engine.stats().waiting == 0)
    await until(lambda: not jobs._listeners)
    runner = jobs._runner
    assert runner is not None
    await until(lambda: wanted == "RUNNING" or not runner._subscriptions)
    assert working.engine.stats().late_steps <= 1
    if wanted == "FAILED":
        errors = [item.error for _, item in jobs.events_after(name, 0)[1] if item.error]
        assert errors
        assert all(re.fullmatch("internal error, incident [0-9a-f]{32}", error) for error in errors)


async def read_all(watching: Any) -> None:
    async for _ in watching:
        pass


# ----- requests -----

# A mistake in an otherwise valid request, the field of the violation, and its description.
REFUSED = [
    ("", "layers", r"0 is not in 1\.\.10000 entries"),
    ("layers { }", r"layers\[0\].layer", "is required"),
    ("layers { layer: 'conv1_1' } layers { layer: 'features.0' }", r"layers\[1\].layer", "is there twice"),
    ("layers { layer: 'conv1_1' channels { first: 2 last: 1 } }", r"layers\[0\].channels\[0\].last", r"1 is not in 2"),
    ("layers { layer: 'conv1_1' channels { last: 6 } }", r"layers\[0\].channels\[0\].last", r"6 is not in 0\.\.5"),
    ("layers { layer: 'conv1_1' channels { first: -1 } }", r"layers\[0\].channels\[0\].first", r"-1 is not in 0\.\.5"),
    ("layers { layer: 'conv1_1' } template { steps: 0 }", "template.steps", r"0 is not in 1"),
    ("layers { layer: 'conv1_1' } template { objective { layer { } } }", "template.objective", "is given by layers"),
    ("layers { layer: 'conv1_1' } request_id: 'x'", "request_id", "is not a UUID"),
    ("layers { layer: 'conv1_1' " + "channels { } " * 7 + "}", r"layers\[0\].channels", r"7 is not in 0\.\.6 ranges"),
]


@pytest.mark.parametrize(("text", "field", "problem"), REFUSED, ids=lambda value: str(value)[:50])
def test_a_violation_names_its_field(at: Open, text: str, field: str, problem: str) -> None:
    request = CreateRenderJobRequest(template=RenderSpec(model="tiny", size=square(16), steps=3))
    request.MergeFrom(text_format.Parse(text, CreateRenderJobRequest()))
    with pytest.raises(InvalidRequest, match=problem) as caught:
        at().jobs.create(request)
    assert re.fullmatch(field, caught.value.violations[0].field)


def test_every_layer_that_is_not_served_is_named(at: Open) -> None:
    with pytest.raises(NotServed, match=r"layers\[1\].layer: there is no layer 'conv1_2'; the nearest: .*layers\[2\]"):
        at().jobs.create(job(some("conv1_1"), some("conv1_2"), some("x")))


def test_violations_of_all_layers_are_reported_at_once(at: Open) -> None:
    with pytest.raises(InvalidRequest) as caught:
        at().jobs.create(job(some("conv1_2"), some("conv1_1", (0, 9)), some("logits", (7, 8)), request_id="x"))
    fields = [violation.field for violation in caught.value.violations]
    assert sorted(fields) == [
        "layers[0].layer",
        "layers[1].channels[0].last",
        "layers[2].channels[0].first",
        "request_id",
    ]


def test_jobs_are_bounded_in_number_and_size(at: Open) -> None:
    engine = at(limits=Limits(max_job_items=8, max_open_jobs=1, max_ended_jobs=2))
    with pytest.raises(InvalidRequest, match="stand for 14 pictures; a job has at most 8"):
        engine.jobs.create(job(some("conv1_1"), some("conv2_1")))
    names = []
    for _ in range(4):
        names.append(engine.jobs.create(endless()).id)
        with pytest.raises(TooManyJobs):
            engine.jobs.create(endless())
        engine.jobs.cancel(names[-1])
    kept, _ = engine.jobs.page(ListRenderJobsRequest())
    assert [each.id for each in kept] == [names[3], names[2]]


# ----- failures -----


def wait_for(engine: Engine, name: str, wanted: Callable[[RenderJob], bool]) -> RenderJob:
    changed = Flag()
    with engine.jobs.subscribed(changed.set):
        while not wanted(job_state := engine.jobs.get(name)):
            assert changed.wait(PATIENCE_S), job_state
            changed.clear()
    return job_state


def ended(job: RenderJob) -> bool:
    return job.HasField("ended_at")


def test_a_job_continues_in_the_next_process(at: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    first, step = at(), Ascent.step

    def slow(ascent: Ascent) -> Any:
        time.sleep(0.1 if first.stats().finished > 1 else 0)
        return step(ascent)

    with monkeypatch.context() as patch:
        patch.setattr(Ascent, "step", slow)
        name = first.jobs.create(job(some("conv1_1"), steps=300)).id
        wait_for(first, name, lambda job_state: job_state.done_count >= 2)
        first.close()
    made = first.stats().finished
    assert made < 6
    second = at()
    job_state = wait_for(second, name, ended)
    assert (state(job_state), job_state.done_count) == ("SUCCEEDED", 6)
    assert made + second.stats().finished == 6


def test_a_picture_that_was_stored_but_not_recorded_is_recorded_and_not_rendered_again(
    at: Open, tmp_path: Path
) -> None:
    """The state that kill -9 leaves between storing and recording."""
    engine = at(jobs="off")
    made = engine.render("tiny", "conv1_1", 2, size=16, steps=3)
    engine.close()
    engine = at()
    name = engine.jobs.create(job(some("conv1_1", (2, 2)))).id
    assert wait_for(engine, name, ended).cached_count == 1
    assert engine.stats().finished == 0
    (_, item), *_ = engine.jobs.events_after(name, 0)[1]
    assert item.spec_digest == made.spec_digest


def test_a_job_for_another_model_fails_item_by_item(at: Open, tmp_path: Path) -> None:
    first = at()
    name = first.jobs.create(endless()).id
    first.close()
    write_tiny_model(tmp_path / "others" / "tiny", seed=1)
    second = at(tmp_path / "others")
    job_state = wait_for(second, name, ended)
    assert (state(job_state), job_state.failed_count) == ("FAILED", 6)
    (_, item), *_ = second.jobs.events_after(name, 0)[1]
    assert "model 'tiny' is served here with digest" in item.error
    assert not item.HasField("effective_spec")


def test_a_full_disk_makes_a_job_wait_instead_of_failing(
    at: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("reverie_server.store.opening.Folder", FullDisk)
    monkeypatch.setattr(Breaker, "closed", lambda breaker: True)
    monkeypatch.setattr(FullDisk, "full", True)
    engine = at()
    name = engine.jobs.create(job()).id
    job_state = wait_for(engine, name, lambda job_state: bool(job_state.detail))
    assert job_state.detail == "results cannot be stored: No space left on device"
    assert (job_state.done_count, job_state.failed_count) == (0, 0)
    monkeypatch.setattr(FullDisk, "full", False)
    job_state = wait_for(engine, name, ended)
    assert (state(job_state), job_state.detail) == ("SUCCEEDED", "")
    assert caplog.text.count("jobs wait:") == 1


def test_only_one_process_works_on_a_file(at: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LONGEST_PAUSE_S", 0.1)
    first = at()
    name = first.jobs.create(job()).id
    second = at()
    with pytest.raises(JobsUnreachable, match="another server has their file; give each its own with --jobs"):
        second.jobs.get(name)
    wait_for(first, name, ended)
    first.close()
    assert second.jobs.get(name).done_count == 4


SPOILT: dict[str, tuple[Callable[[Path], object], type[Fault], str]] = {
    "no database": (
        lambda path: path.write_bytes(b"x" * 5000),
        JobsOff,
        "is damaged .*; move it away to start a new one",
    ),
    "a broken database": (
        lambda path: path.write_bytes(_database_of_version(path.with_suffix(".other"), 1)[:100].ljust(8192, b"\xff")),
        JobsOff,
        "is damaged .*; move it away to start a new one",
    ),
    "a folder": (lambda path: path.mkdir(), JobsUnreachable, "unable to open"),
    "another version": (
        lambda path: path.write_bytes(_database_of_version(path.with_suffix(".other"), 99)),
        JobsOff,
        "is of version 99, and this Reverie knows 4",
    ),
}


def _database_of_version(path: Path, version: int) -> bytes:
    import sqlite3

    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("CREATE TABLE x (y)")
    return path.read_bytes()


@pytest.mark.parametrize(("spoil", "kind", "problem"), SPOILT.values(), ids=SPOILT)
def test_an_unusable_file_disables_jobs_and_nothing_else(
    at: Open, tmp_path: Path, spoil: Callable[[Path], object], kind: type[Fault], problem: str
) -> None:
    spoil(tmp_path / "jobs.sqlite")
    engine = at()
    with pytest.raises(kind, match=problem):
        engine.jobs.page(ListRenderJobsRequest())
    assert engine.render("tiny", "conv1_1", 1, size=16, steps=2).steps == 2


@pytest.mark.parametrize(
    ("options", "why"), [({"jobs": "off"}, "--jobs names one"), ({"store": "off"}, "--store names one")], ids=str
)
def test_without_a_file_or_a_store_there_are_no_jobs(at: Open, options: dict[str, str], why: str) -> None:
    with pytest.raises(JobsOff, match=why):
        at(**options).jobs.create(job())


def test_an_item_that_is_recorded_twice_counts_once(tmp_path: Path) -> None:
    repository = JobRepository(JobDatabase(tmp_path / "jobs.sqlite"), Limits())
    asked = [Item(i, "conv1_1", i) for i in range(2)]
    made = repository.create("one", JobRequest(RenderSpec(model="tiny"), [some("conv1_1")], asked), "")
    done = Done(1, 0, "d1", "m", 1, 0.5, cached=False)
    repository.record_results([done, done])
    repository.record_results([done])
    job_state, items = repository.events(made.id, 0)
    assert (job_state.done_count, job_state.sequence, len(items)) == (1, 1, 1)
    repository.cancel(made.id)
    repository.record_results([Done(1, 1, "d2", "m", 1, 0.5, cached=False)])
    assert repository.get(made.id).done_count == 1
    repository.close()
