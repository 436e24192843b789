"""A request is refused for counts before its contents are read, and after a bounded number of violations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from reverie_proto.v1 import jobs_pb2, objective_pb2, spec_pb2, visualization_pb2
from reverie_server import Engine, Limits
from reverie_server.errors import Fault, InvalidRequest, NotServed
from reverie_server.request.validation import MAX_VIOLATIONS, STOPPED, Violations
from reverie_server.rpc import message_limits

TEMPLATE = spec_pb2.RenderSpec(model="tiny")
MANY = 5 * MAX_VIOLATIONS


def job(layers: list[jobs_pb2.JobLayer]) -> jobs_pb2.CreateRenderJobRequest:
    return jobs_pb2.CreateRenderJobRequest(template=TEMPLATE, layers=layers)


def sum_of(terms: list[objective_pb2.WeightedObjective]) -> visualization_pb2.RenderImageRequest:
    objective = objective_pb2.Objective(sum=objective_pb2.SumObjective(terms=terms))
    return visualization_pb2.RenderImageRequest(spec=spec_pb2.RenderSpec(model="tiny", objective=objective))


def term(**kind: Any) -> objective_pb2.WeightedObjective:
    return objective_pb2.WeightedObjective(objective=objective_pb2.Objective(**kind))


UNKNOWN = [jobs_pb2.JobLayer(layer=f"nowhere{n}") for n in range(MANY)]
TWICE = [jobs_pb2.JobLayer(layer="conv1_1")] * MANY
WIDE = [jobs_pb2.JobLayer(layer="conv1_1", channels=[jobs_pb2.ChannelRange(first=n, last=-1)] * 5) for n in range(MANY)]
LONG = jobs_pb2.JobLayer(layer="conv1_1", channels=[jobs_pb2.ChannelRange(first=99, last=n) for n in range(1000)])
DEAD_UNITS = term(channel=objective_pb2.ChannelObjective(layer="conv1_1", channel=10**6))

# A request with more problems than are listed, and the error that one with few of them gets.
REQUESTS: list[tuple[str, Message, type[Fault]]] = [
    ("layers that do not exist", job(UNKNOWN), NotServed),
    ("a layer many times", job(TWICE), InvalidRequest),
    ("channels that do not exist", job(WIDE), InvalidRequest),
    ("terms with channels that do not exist", sum_of([DEAD_UNITS] * MANY), InvalidRequest),
    ("terms of unknown layers", sum_of([term(layer=objective_pb2.LayerObjective(layer="x"))] * MANY), NotServed),
]


@pytest.fixture(scope="module")
def patient(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An engine that would take any number of terms and pictures."""
    folder = tmp_path_factory.mktemp("patient")
    limits = Limits(max_terms=10**6, max_job_items=10**6)
    with Engine(
        [models], device="cpu", threads=1, store=folder / "store", jobs=folder / "jobs.sqlite", limits=limits
    ) as it:
        yield it


def checked(engine: Engine, request: Any) -> object:
    return (
        engine.jobs.create(request) if isinstance(request, jobs_pb2.CreateRenderJobRequest) else engine.check(request)
    )


@pytest.mark.parametrize(("request_", "kind"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS])
def test_checking_stops_after_many_violations(patient: Engine, request_: Message, kind: type[Fault]) -> None:
    with pytest.raises(kind) as refusal:
        checked(patient, request_)
    violations = refusal.value.violations  # type: ignore[attr-defined]
    assert len(violations) == MAX_VIOLATIONS + 1
    assert violations[-1] == STOPPED
    assert STOPPED not in violations[:-1]
    assert str(refusal.value).endswith(f" more; {STOPPED}"), "the note is kept, and is not counted as a violation"
    (fields,) = [each for each in refusal.value.details() if isinstance(each, error_details_pb2.BadRequest)]
    assert fields.field_violations[-1].description == STOPPED.problem


def test_a_job_of_too_many_ranges_is_refused_before_they_are_read(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Engine([models], device="cpu", threads=1, store=tmp_path / "store", jobs=tmp_path / "jobs.sqlite") as engine:
        monkeypatch.setattr("reverie_server.jobs.request._complete", None)
        with pytest.raises(InvalidRequest) as refusal:
            engine.jobs.create(job([LONG] * 60))
    assert [str(each) for each in refusal.value.violations] == ["layers: 60000 is not in 0..10000 ranges of channels"]


def test_few_violations_are_all_named() -> None:
    violations = Violations()
    for n in range(MAX_VIOLATIONS - 1):
        violations.add(f"field{n}", "is wrong")
        violations.add(f"field{n}", "is wrong")
    with pytest.raises(InvalidRequest) as refusal:
        violations.raise_if_any()
    assert len(refusal.value.violations) == MAX_VIOLATIONS - 1


def test_messages_without_texts_and_lists_are_not_visited(monkeypatch: pytest.MonkeyPatch) -> None:
    visited: list[str] = []
    walk = message_limits._violations

    def counted(message: Message, path: str) -> Any:
        visited.append(path)
        return walk(message, path)

    monkeypatch.setattr(message_limits, "_violations", counted)
    message_limits.check(job([LONG] * 3))
    assert visited == ["", "template.", "layers[0].", "layers[1].", "layers[2]."]
    with pytest.raises(InvalidRequest) as refusal:
        message_limits.check(job([jobs_pb2.JobLayer(layer="x" * 1100)] * MANY))
    assert len(refusal.value.violations) == MAX_VIOLATIONS + 1
    assert refusal.value.violations[-1] == STOPPED
