"""Results survive kills, disk faults and clock jumps: the short form of checks in tests/reliability."""

from __future__ import annotations

import pytest
from reverie_server import Engine

from tests.reliability import doors, kill_job, store_faults

# Layers of the embedded model, a subset of the long form's.
SPECS = doors.SPECS[:2]


def test_killing_the_server_in_the_middle_of_a_job_loses_no_picture() -> None:
    assert kill_job.measure(kills=2, images=40, seed=1).broken() == []


def test_every_interface_gives_the_same_bytes() -> None:
    same = doors.compare(SPECS)
    assert len(same) == 7
    assert same == dict.fromkeys(same, len(SPECS))


@pytest.fixture(scope="module")
def right() -> list[bytes]:
    with Engine(device="cpu", threads=1) as engine:
        return store_faults.pictures(engine, store_faults.CHANNELS)


@pytest.mark.parametrize("fault", store_faults.FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_the_disk_or_the_clock_loses_no_picture(fault: store_faults.Fault, right: list[bytes]) -> None:
    assert store_faults.broken_by(fault, right) == []
