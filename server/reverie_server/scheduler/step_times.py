"""How long the steps of each program take at present, learned from every step.

The logarithm of a step's time is modelled as a sum:

    log(time by the model of `estimate`) + correction of the program + slowness of the machine + noise

The correction lasts. The slowness changes within seconds, because other processes use the machine too, and it is the
same for all programs: so the estimate of a program that has not run for a while follows the machine as well. A Kalman
filter with a diagonal covariance divides the deviation of each step from what was expected between the two. The
deviation is that of the time, not of its logarithm: on a busy machine a few steps take several times as long as most,
and the time of a render depends on the mean of its steps, not on their median.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reverie_server.scheduler.recent import Recent
from reverie_server.scheduler.render import Key

#: The programs that are remembered: clients can ask for any number of them.
PROGRAMS = 1024
#: The standard deviations of the logarithms: of the noise of one step, of the model's error for a program, and of the
#: machine's slowness over hours.
NOISE, MODEL, MACHINE = 0.5, 0.15, 0.5
#: The variance that the machine's slowness gains per second: it may change by a factor of 1.4 within half a minute.
DRIFT = 0.004
#: What remains unsure of a program's correction, however many steps it made: otherwise it could not change any more.
LASTING = 0.02
#: A step that takes longer than expected by more than this many times counts as this many.
OUTLIER = 9.0


@dataclass
class _Guess:
    """A number that is known up to a variance."""

    value: float
    variance: float

    def move(self, by: float, *, total: float, least: float = 0.0) -> None:
        """Take over this number's part of a deviation whose variance was `total`."""
        share = self.variance / total
        self.value += share * by
        self.variance = max(least, self.variance * (1 - share))


class StepTimes:
    """Expects the time of a program's next steps. The step loop's lock guards it; reading it needs no lock."""

    def __init__(self) -> None:
        #: The logarithms of the seconds of a step on a machine of slowness 0, by program.
        self._programs: Recent[Key, _Guess] = Recent(PROGRAMS)
        self._machine = _Guess(0.0, MACHINE**2)
        self._learned_at: float | None = None

    def __contains__(self, key: object) -> bool:
        return key in self._programs

    def expected_s(self, key: Key, modelled_s: float | None = None) -> float | None:
        """Return the time of a step; of a program that has not run, by its modelled time, or None without one."""
        if (program := self._programs.get(key)) is not None:
            return math.exp(program.value + self._machine.value)
        return None if modelled_s is None else modelled_s * math.exp(self._machine.value)

    def learn(self, key: Key, took_s: float, now: float, *, modelled_s: float | None = None, first: bool) -> None:
        """Learn from a step of a program, and whether it was the first one since the program was loaded.

        A first step includes allocations, so it counts only as long as nothing else is known of the program.
        """
        measured = math.log(max(took_s, 1e-9))
        program = self._programs.get(key)
        if program is None and modelled_s is not None:
            program = self._programs[key] = _Guess(math.log(max(modelled_s, 1e-9)), MODEL**2)
        if program is None or math.isinf(program.variance):
            self._programs[key] = _Guess(measured - self._machine.value, math.inf if first else NOISE**2)
            return
        self._programs[key] = program  # the one that ran last is forgotten last
        if first:
            return
        if self._learned_at is not None:
            passed_s = max(0.0, now - self._learned_at)
            self._machine.variance = min(MACHINE**2, self._machine.variance + DRIFT * passed_s)
        self._learned_at = now
        total = program.variance + self._machine.variance + NOISE**2
        deviation = min(OUTLIER, took_s / math.exp(program.value + self._machine.value) - 1)
        program.move(deviation, total=total, least=LASTING**2)
        self._machine.move(deviation, total=total)
