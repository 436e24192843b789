"""Lists of jobs fit the default message limit of gRPC's clients, however wide the jobs are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import reverie
from reverie_proto.v1 import jobs_pb2, spec_pb2
from reverie_server import Engine, Limits
from reverie_server.jobs.request import Item, JobRequest
from reverie_server.process.settings import Settings

from tests.server.hosts import running

JOBS = 60


def wide(ranges: int) -> JobRequest:
    channels = [jobs_pb2.ChannelRange(first=n, last=n) for n in range(ranges)]
    layers = [jobs_pb2.JobLayer(layer="conv1_1", channels=channels)]
    return JobRequest(spec_pb2.RenderSpec(model="tiny"), layers, [Item(0, "conv1_1", 0)])


@pytest.fixture(params=[10_000, 200_000], ids=["80 kB", "1.6 MB"])
def crowded(request: pytest.FixtureRequest, models: Path, tmp_path: Path) -> Iterator[Engine]:
    """An engine with many wide jobs, all ended."""
    limits = Limits(max_open_jobs=JOBS)
    with Engine(
        [models], device="cpu", threads=1, store=tmp_path / "store", jobs=tmp_path / "jobs.sqlite", limits=limits
    ) as engine:
        repository = engine.jobs._open()
        for n in range(JOBS if request.param == 10_000 else 3):
            repository.create(f"job{n}", wide(request.param), "")
        yield engine


async def test_all_jobs_are_listed_and_each_can_be_read(crowded: Engine) -> None:
    async with running(crowded, Settings(listen="127.0.0.1:0")) as address, reverie.AsyncClient(address) as client:
        listed = await client.jobs()
        (count,) = {len(each.layers) for each in listed}
        whole = await client.job(listed[-1].id).info()
    assert [each.id for each in listed] == [f"job{n}" for n in reversed(range(len(listed)))]
    assert count == (1 if len(listed) == JOBS else 0)  # a job that is longer than a page is listed without its layers
    assert len(whole.layers[0].channels) in (10_000, 200_000)
