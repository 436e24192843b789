"""Short forms of load and soak in tests/reliability: many streams at once, and a mix of clients."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from reverie_proto.v1 import objective_pb2, spec_pb2

from tests.reliability.load import Gate, Listing, Tally, crowd, even_shares
from tests.reliability.process import ServerProcess
from tests.reliability.soak import MIX, Sample, judged, soak
from tests.sizes import square


def small(number: int) -> spec_pb2.RenderSpec:
    objective = objective_pb2.ChannelObjective(layer="conv2_1", channel=number % 8)
    return spec_pb2.RenderSpec(
        model="tiny", objective=objective_pb2.Objective(channel=objective), steps=20, size=square(32), seed=number
    )


async def crowd_for(seconds: float, address: str) -> Tally:
    gate = Gate()
    gate.close_after(seconds)
    return await crowd(address, 40, gate, small)


def test_every_stream_of_many_clients_ends_in_a_picture_or_a_retry_time(models: Path, tmp_path: Path) -> None:
    bounds = ("--store", "off", "--jobs", f"{tmp_path}/jobs.sqlite", "--limit", "max_waiting_renders=8")
    with ServerProcess("--models", str(models), *bounds) as server:
        with Listing(server.address) as listed:
            tally = asyncio.run(crowd_for(3, server.address))
            listed.stand_still()
            listed.go_on()
        code, message = server.stop()
    assert tally.wrong == {}
    assert tally.pictures >= 6  # three quarters of the queue
    assert tally.refused > 0
    assert tally.pictures + tally.refused >= 40
    assert sum(count for _, count in tally.steps) == tally.pictures * 20
    assert listed.took
    assert (code, "Traceback" in message) == (0, False)


def test_only_turns_between_two_equal_turns_of_the_engine_count() -> None:
    alone = [100.0, 104.0, 50.0, 50.0, 100.0]
    assert even_shares(alone, [98.0, 60.0, 48.0, 99.0]) == [48 / 50, 98 / 102]


def test_a_mix_of_clients_ends_as_expected() -> None:
    found = soak(minutes=0.15, rounds=1)
    assert found["wrong"] == {}
    assert (found["incidents"], found["exit"]) == (0, 0)
    assert len(found["done"]) > len(MIX) / 2
    assert found["samples"][0].threads > 1


@pytest.mark.parametrize(
    ("held", "growth"), [([9, 5, *[10] * 8], 0), ([5, 9, *[10] * 4, *[11] * 4], 0.1), ([20, 20, *[10] * 8], 0)]
)
def test_growth_is_judged_after_the_warm_up(held: list[float], growth: float) -> None:
    samples = [Sample(at_s=n, rss_mib=mib, files=int(mib), threads=3) for n, mib in enumerate(held)]
    assert judged(samples) == {"memory_growth": growth, "more_files": round(10 * growth), "more_threads": 0}
