"""How long steps are expected to take, learned from steps whose true time is known to the test."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import fmean

import pytest
from reverie_server.scheduler.render import Key
from reverie_server.scheduler.step_times import PROGRAMS, StepTimes

from tests.server.scheduler.device import render

A, B, C = (render(program=name).key for name in "abc")
#: The true times of steps on a quiet machine, and what the model says of them.
TRUE_S = {A: 0.1, B: 0.03, C: 0.4}
MODELLED_S = {A: 0.08, B: 0.033, C: 0.4}


class Machine:
    """Makes steps that take their true time, multiplied by the machine's slowness and by noise."""

    def __init__(self, slowness: Callable[[float], float], *, noise: float = 0.2, modelled: bool = True) -> None:
        self.times, self.now = StepTimes(), 0.0
        self._slowness, self._noise, self._modelled = slowness, noise, modelled
        self._chance = random.Random(0)

    def run(self, key: Key, steps: int) -> None:
        for _ in range(steps):
            took_s = self.true_s(key) * self._chance.lognormvariate(0, self._noise)
            self.now += took_s
            self.times.learn(key, took_s, self.now, modelled_s=self.modelled_s(key), first=False)

    def true_s(self, key: Key) -> float:
        return TRUE_S[key] * self._slowness(self.now)

    def modelled_s(self, key: Key) -> float | None:
        return MODELLED_S[key] if self._modelled else None

    def expected(self, key: Key) -> float:
        """Return the expected time as a multiple of the true one."""
        expected_s = self.times.expected_s(key, self.modelled_s(key))
        assert expected_s is not None
        return expected_s / self.true_s(key)


@pytest.mark.parametrize("modelled", [True, False])
def test_the_time_of_a_program_that_runs_follows_the_machine(modelled: bool) -> None:
    machine = Machine(lambda now: 3.0 if 20 < now < 60 else 1.0, modelled=modelled)
    for until in (19.0, 40.0, 59.0, 80.0):
        while machine.now < until:
            machine.run(A, 1)
        assert machine.expected(A) == pytest.approx(1, rel=0.25)


def test_a_slow_machine_is_seen_at_programs_that_did_not_run_meanwhile() -> None:
    machine = Machine(lambda now: 1.0 if now < 40 else 3.0)
    for key in (A, B, A, B):
        machine.run(key, 60)
    while machine.now < 60:
        machine.run(A, 1)
    assert machine.expected(B) == pytest.approx(1, rel=0.3)
    assert machine.expected(C) == pytest.approx(1, rel=0.4), "a program that never ran"


@pytest.mark.parametrize("slowness", [1.0, 3.0])
def test_one_slow_step_changes_little(slowness: float) -> None:
    machine = Machine(lambda now: slowness)
    machine.run(A, 100)
    machine.times.learn(A, 1000 * machine.true_s(A), machine.now, first=False)
    assert machine.expected(A) < 2.5


def test_the_mean_of_the_steps_counts_if_a_few_take_ten_times_as_long() -> None:
    times, chance, took = StepTimes(), random.Random(0), list[float]()
    for second in range(2000):
        took.append(0.1 if chance.random() < 0.9 else 1.0)
        times.learn(A, took[-1], second / 5, modelled_s=0.1, first=False)
    expected = [times.expected_s(A)]
    for second in range(2000, 4000):
        times.learn(A, 0.1 if chance.random() < 0.9 else 1.0, second / 5, first=False)
        expected.append(times.expected_s(A))
    assert fmean(each for each in expected if each is not None) == pytest.approx(0.19, rel=0.25)


def test_the_first_step_after_loading_counts_only_if_nothing_else_is_known() -> None:
    times = StepTimes()
    times.learn(A, 5.0, 0.0, first=True)
    assert times.expected_s(A) == pytest.approx(5.0)
    for second in range(1, 30):
        times.learn(A, 0.1, second, first=False)
    assert times.expected_s(A) == pytest.approx(0.1, rel=0.2)
    times.learn(A, 5.0, 30, first=True)
    assert times.expected_s(A) == pytest.approx(0.1, rel=0.2)
    times.learn(B, 5.0, 31, modelled_s=0.1, first=True)
    assert times.expected_s(B) == pytest.approx(0.1, rel=0.5)


def test_nothing_is_known_of_a_program_without_a_model_that_did_not_run() -> None:
    assert StepTimes().expected_s(A) is None
    assert StepTimes().expected_s(A, 0.5) == 0.5


def test_a_step_of_no_time_and_a_clock_that_goes_back_do_no_harm() -> None:
    times = StepTimes()
    for now in (5.0, 5.0, 1.0):
        times.learn(A, 0.0, now, modelled_s=0.0, first=False)
    expected_s = times.expected_s(A)
    assert expected_s is not None
    assert math.isfinite(expected_s)


def test_the_programs_that_ran_last_are_remembered_however_many_clients_ask_for() -> None:
    times = StepTimes()
    others = [render(program=f"other {number}").key for number in range(2 * PROGRAMS)]
    for now, other in enumerate(others):
        times.learn(A, 0.5, now, first=False)
        times.learn(other, 0.1, now, first=False)
    known = [other for other in others if other in times]
    assert known == others[-(PROGRAMS - 1) :], "all but one, which is the program that ran between them"
    assert A in times
