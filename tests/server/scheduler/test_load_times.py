"""How long programs are expected to load."""

from __future__ import annotations

import pytest
from reverie_server.scheduler.load_times import PROGRAMS, LoadTimes

from tests.server.scheduler.device import render

KEYS = [render(program=f"program {number}").key for number in range(2 * PROGRAMS)]


def _load(times: LoadTimes, number: int, took_s: float) -> None:
    times.begin(0.0)
    times.end(KEYS[number], took_s)


def test_a_program_is_expected_to_load_as_the_last_time_and_another_one_as_they_do_on_average() -> None:
    times = LoadTimes()
    assert times.expected_s(KEYS[0]) == 0.0
    for number, took_s in ((0, 9.0), (1, 3.0), (0, 1.0)):
        _load(times, number, took_s)
    assert times.expected_s(KEYS[0]) == 1.0
    assert times.expected_s(KEYS[2]) == pytest.approx(2.0)


def test_the_programs_that_were_loaded_last_are_remembered_however_many_clients_ask_for() -> None:
    times = LoadTimes()
    for number in range(len(KEYS)):
        _load(times, number, 1.0 + number)
    assert times.expected_s(KEYS[-1]) == len(KEYS)
    average_s = times.expected_s(KEYS[0])
    assert average_s == pytest.approx(len(KEYS) - (PROGRAMS - 1) / 2), "of those that are remembered"
