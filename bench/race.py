"""Fair comparisons of speed: contestants in separate processes take turns, so that other load affects all of them.

Two runtimes in one process would compete for its cores: each has a pool of threads that spin while they wait.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from tests.memory import peak_mib

WARM_UP, BURST = 1, 3
REST_S = 1.0
"""Wait after a turn, because a contestant's threads spin for up to more than 200 ms and would use the cores."""
Step = Callable[[], np.ndarray]


def compete(step: Step) -> None:
    """Run a contestant: for each input line run a step, save its result in the named file, and print its seconds.

    It also prints the most mebibytes that the process has used.
    """
    for line in sys.stdin:
        begin = time.perf_counter()
        answer = step()
        took = time.perf_counter() - begin
        if line.strip():
            np.save(line.strip(), answer)
        print(took, peak_mib(), flush=True)


class Contestant:
    """A process of ``python -m module arguments``, whose main calls `compete`; ``python`` is this one by default."""

    def __init__(self, module: str, *arguments: str, threads: int, python: Path | None = None) -> None:
        command = [str(python or sys.executable), "-m", module, *arguments]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "REVERIE_THREADS": str(threads)}
        self._memory = 0.0
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def step(self, save: Path | str = "") -> float:
        """Run one step and return its seconds; ``save`` is an .npy file for its result."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{save}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("a contestant ended early; its error is above")
        seconds, self._memory = map(float, answer.split())
        return seconds

    def answer(self) -> np.ndarray:
        """Run one step and return its result."""
        with tempfile.TemporaryDirectory() as folder:
            self.step(save=Path(folder, "answer.npy"))
            return np.asarray(np.load(Path(folder, "answer.npy")))

    def close(self) -> float:
        """End the process; return the most mebibytes that it has used."""
        self._process.communicate()
        return self._memory


class Steps(Protocol):
    """Anything that can run a step and return its seconds."""

    def step(self) -> float:
        """Run a step and return its seconds."""
        ...


def race(contestants: Mapping[str, Contestant], turns: int) -> dict[str, float]:
    """Run steps of the contestants in turn, ``turns`` times after warming up; return the median seconds of each."""
    return {name: statistics.median(seconds) for name, seconds in race_all(contestants, turns).items()}


def race_all(contestants: Mapping[str, Steps], turns: int) -> dict[str, list[float]]:
    """Run steps of the contestants in turn, ``turns`` times after warming up; return the seconds of each step.

    In a turn each runs `BURST` steps, because steps of an ascent follow each other. The first one is not counted: the
    caches still hold the data of the others.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(WARM_UP + turns):
        for name, contestant in contestants.items():
            _, *taken = (contestant.step() for _ in range(BURST))
            if turn >= WARM_UP:
                seconds[name].extend(taken)
            time.sleep(REST_S)
    return seconds


def quartile(seconds: Sequence[float]) -> float:
    """Return the first quartile, which is close to the duration of a step on an idle machine."""
    return statistics.quantiles(seconds, n=4, method="inclusive")[0]


def report(medians: Mapping[str, float], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return a line for each median, and one for the ratio of each pair."""
    lines = [f"{name:14} median {seconds * 1e3:7.1f} ms" for name, seconds in medians.items()]
    return [*lines, *(f"{a} / {b}: {medians[a] / medians[b]:.3f}" for a, b in pairs)]
