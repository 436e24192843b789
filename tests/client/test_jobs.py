"""Jobs in both clients: requests, results, and lost connections."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

import grpc
import pytest
import reverie
from reverie import _jobs
from reverie_proto.v1 import jobs_pb2

from tests.client.faults import Fault, error_info, retry_info
from tests.client.scripted import Script

STOPPING = Fault(grpc.StatusCode.UNAVAILABLE, "Stopping.", (error_info("DRAINING"), retry_info(0.01)))
BROKEN = Fault(grpc.StatusCode.UNAVAILABLE, "Socket closed")


def create(client: reverie.Client, layers: Any = ("conv1_1",), **options: Any) -> reverie.Job:
    return client.create_job("tiny", layers, **options)


# Layers as an argument, and the ranges that are sent.
LAYERS: list[tuple[Any, dict[str, list[tuple[int, int]]]]] = [
    ("conv1_1", {"conv1_1": []}),
    (["conv1_1", "relu1_1"], {"conv1_1": [], "relu1_1": []}),
    ({"conv1_1": None, "relu1_1": range(3)}, {"conv1_1": [], "relu1_1": [(0, 2)]}),
    ({"conv1_1": [5, 1, 2, 3, 3, 7]}, {"conv1_1": [(5, 5), (1, 3), (3, 3), (7, 7)]}),
]


@pytest.mark.parametrize(("layers", "sent"), LAYERS, ids=str)
def test_layers_are_sent_as_ranges(
    client: reverie.Client, script: Script, layers: Any, sent: dict[str, list[tuple[int, int]]]
) -> None:
    assert create(client, layers, steps=5, seed=3).id == "job-1"
    (request,) = script.requests
    assert {each.layer: [(r.first, r.last) for r in each.channels] for each in request.layers} == sent
    assert {field.name for field, _ in request.template.ListFields()} == {"model", "steps", "seed"}
    assert uuid.UUID(request.request_id).version == 4


MISTAKES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"layers": {"conv1_1": []}}, reverie.InvalidRequest, "no channel is named"),
    ({"layers": {"conv1_1": ["x"]}}, reverie.InvalidRequest, r"layers\[0\]\.channels\[0\]"),
    ({"layers": {"conv1_1": [2**40]}}, reverie.InvalidRequest, r"layers\[0\]\.channels\[0\]"),
    ({"steps": "many"}, reverie.InvalidRequest, "template.steps: 'many' is not a whole number"),
    ({"colour": "red"}, TypeError, "colour"),
]


@pytest.mark.parametrize(("options", "error", "words"), MISTAKES, ids=str)
def test_a_job_that_cannot_be_sent_is_refused(
    client: reverie.Client, script: Script, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        create(client, **options)
    assert script.requests == []


def test_a_job_returns_its_state(client: reverie.Client, script: Script) -> None:
    info = client.job("job-1").info()
    assert (info.id, info.state, info.model, info.ended) == ("job-1", reverie.JobState.FAILED, "tiny", True)
    assert (info.item_count, info.done_count, info.cached_count, info.failed_count) == (4, 3, 1, 1)
    assert info.owner == "key:1f"
    assert info.layers == (reverie.JobLayer("conv1_1", ((0, 2),)), reverie.JobLayer("relu1_1", ((7, 7),)))
    assert info.ended_at is not None
    assert (info.ended_at - info.created_at).total_seconds() == 60
    assert script.requests == [jobs_pb2.GetRenderJobRequest(id="job-1")]


def test_all_pages_of_jobs_are_read(client: reverie.Client) -> None:
    assert [job.state for job in client.jobs()] == [reverie.JobState.RUNNING, reverie.JobState.FAILED]


def test_a_cancelled_job_has_the_state_cancelled(client: reverie.Client) -> None:
    assert client.job("job-1").cancel().state is reverie.JobState.CANCELLED


def test_a_watch_yields_each_picture_and_the_end(client: reverie.Client) -> None:
    events = list(client.job("job-1").watch())
    assert [event.sequence for event in events] == [0, 1, 2, 3, 4, 5]
    assert [event.item is None for event in events] == [True, False, False, False, False, True]
    assert events[0].job.model == "tiny"
    assert events[-1].job.state is reverie.JobState.FAILED
    first, failed = events[1].item, events[3].item
    assert first is not None
    assert failed is not None
    assert first.spec == reverie.Spec("tiny", reverie.channel("conv1_1", 0), steps=5, size=(16, 16))
    assert (first.cached, first.outcome, first.activation) == (True, reverie.Outcome.CONVERGED, 0.5)
    assert (failed.spec, failed.error) == (None, "No such model any more.")


@pytest.mark.parametrize("fault", [STOPPING, BROKEN], ids=["stopping", "broken"])
@pytest.mark.parametrize("breaks", [(0,), (2,), (1, 3), (0, 1, 2, 3)], ids=str)
def test_a_watch_resumes_where_its_server_stopped(
    client: reverie.Client, script: Script, breaks: tuple[int, ...], fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_jobs, "WATCH_PAUSE_S", 0.01)
    script.breaks = dict.fromkeys(breaks, fault)
    events = list(client.job("job-1").watch())
    assert [event.sequence for event in events] == [0, 1, 2, 3, 4, 5]
    watches = [request for request in script.requests if isinstance(request, jobs_pb2.WatchRenderJobRequest)]
    assert [request.after_sequence for request in watches] == [0, *breaks]


def test_a_watch_ends_if_its_server_does_not_return(
    client: reverie.Client, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_jobs, "WATCH_ATTEMPTS", 2)
    monkeypatch.setattr(_jobs, "WATCH_PAUSE_S", 0.01)
    script.breaks = {0: BROKEN}
    watch = client.job("job-1").watch()
    next(watch)
    script.faults.extend([BROKEN] * 99)
    with pytest.raises(reverie.Unavailable):
        list(watch)


def test_a_watch_may_begin_at_any_event_and_be_left(client: reverie.Client, script: Script) -> None:
    with closing(cast(Iterator[Any], client.job("job-1").watch(after=2))) as events:  # type: ignore[type-var]
        assert [event.sequence for event in itertools.islice(events, 2)] == [2, 3]
    assert script.requests[0].after_sequence == 2


def test_results_yield_the_finished_pictures(client: reverie.Client, script: Script) -> None:
    found = list(client.job("job-1").results(format="webp"))
    assert [(item.layer, item.channel) for item, _ in found] == [("conv1_1", 0), ("conv1_1", 1), ("relu1_1", 7)]
    for item, rendering in found:
        assert item.spec is not None
        assert rendering.spec.objective == item.spec.objective
        assert rendering.format is reverie.ImageFormat.WEBP
