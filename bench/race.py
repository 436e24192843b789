"""Races: contestants in processes of their own take turns, so that whatever else the machine does falls on all of them.

Two runtimes in one process would fight for its cores: each has a pool of threads that spin while they wait.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from bench.cores import Cores
from bench.memory import peak_mib

WARM_UP, BURST = 1, 3
REST_S = 1.0
"""After a turn: the threads of whoever ran spin on, some for more than 200 ms, and would take the cores."""
Step = Callable[[], np.ndarray]


def compete(step: Step) -> None:
    """Be a contestant: for each line that comes in run a step, save its answer in the file named, tell its seconds.

    Told are also the mebibytes that the process has ever held.
    """
    for line in sys.stdin:
        begin = time.perf_counter()
        answer = step()
        took = time.perf_counter() - begin
        if line.strip():
            np.save(line.strip(), answer)
        print(took, peak_mib(), flush=True)


class Contestant:
    """A process that runs ``python -m module arguments``, whose main calls `compete`; ``python`` is ours by default."""

    def __init__(self, module: str, *arguments: str, threads: int, python: Path | None = None) -> None:
        command = [str(python or sys.executable), "-m", module, *arguments]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "REVERIE_THREADS": str(threads)}
        self._memory = 0.0
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def step(self, save: Path | str = "") -> float:
        """Run one step and return its seconds; ``save`` is an .npy file for its answer."""
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
        """Run one step and return its answer."""
        with tempfile.TemporaryDirectory() as folder:
            self.step(save=Path(folder, "answer.npy"))
            return np.asarray(np.load(Path(folder, "answer.npy")))

    def close(self) -> float:
        """End the process; return the mebibytes that it held at most."""
        self._process.communicate()
        return self._memory


class Steps(Protocol):
    """Whoever makes a step when told to, and says how many seconds it took."""

    def step(self) -> float:
        """Make it."""
        ...


@dataclass
class Times:
    """Seconds of a contestant's steps: while the cores shared a cache, while they did not, and while that changed."""

    near: list[float] = field(default_factory=list)
    far: list[float] = field(default_factory=list)
    changing: list[float] = field(default_factory=list)

    @property
    def counted(self) -> list[float]:
        """Those while the cores shared a cache; where they never did, the next best."""
        return self.near or self.far or self.changing

    @property
    def median(self) -> float:
        """The median of what counts."""
        return statistics.median(self.counted)


def race(contestants: Mapping[str, Contestant], turns: int) -> dict[str, float]:
    """Let the contestants step in turn, ``turns`` times after warming up; return the median seconds of each."""
    return {name: times.median for name, times in race_all(contestants, turns).items()}


def race_all(contestants: Mapping[str, Steps], turns: int, cores: Cores | None = None) -> dict[str, Times]:
    """Let the contestants step in turn, ``turns`` times after warming up; return the seconds of each step.

    In a turn each makes `BURST` steps, as in an ascent one follows another. The first finds the caches full of what the
    others left, and is not counted; nor are those in which the cores changed from sharing a cache to not sharing one,
    or back. Where that takes steps from a contestant there are more turns, up to twice as many. `cores` knows from
    earlier races what sharing looks like.
    """
    cores = cores or Cores()
    bursts: list[tuple[str, list[float]]] = []
    speeds = [cores.handover()]
    for turn in range(1, WARM_UP + 2 * turns + 1):
        for name, contestant in contestants.items():
            _, *taken = (contestant.step() for _ in range(BURST))
            bursts.append((name, taken))
            time.sleep(REST_S)
            speeds.append(cores.handover())
        if turn < WARM_UP + turns:
            continue
        warmed = list(zip(bursts, speeds, speeds[1:], strict=False))[WARM_UP * len(contestants) :]
        times = {name: Times() for name in contestants}
        for (name, taken), before, after in warmed:
            near = cores.near(before)
            of = times[name]
            (of.changing if cores.near(after) != near else of.near if near else of.far).extend(taken)
        if all(len(of.near) >= turns * (BURST - 1) for of in times.values()):
            break
    return times


def report(medians: Mapping[str, float], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return a line for each median, and one for the ratio of each pair."""
    lines = [f"{name:14} median {seconds * 1e3:7.1f} ms" for name, seconds in medians.items()]
    return [*lines, *(f"{a} / {b}: {medians[a] / medians[b]:.3f}" for a, b in pairs)]
