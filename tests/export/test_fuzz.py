"""A minute's worth of `python -m tests.export.fuzz_check`, in seconds: the same mutants each time."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from tests.export.fuzz_check import mutants, seeds
from tests.export.mutations import mutate


def test_two_hundred_damaged_files_are_survived() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    arguments = [sys.executable, "-m", "tests.export.fuzz_check", "--cases", "200", "--seed", "3"]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "200 mutants of seed 3" in done.stdout
    assert " listed" in done.stdout  # some are good enough to be looked at to the end
    assert " refused" in done.stdout


def test_a_seed_makes_the_same_mutants() -> None:
    first, second = ([data for (_, data), _ in zip(mutants(5), range(20), strict=False)] for _ in range(2))
    assert first == second
    assert len(set(first)) > 15


def test_a_mutant_differs_from_what_it_was_made_of() -> None:
    originals = seeds()
    changed = [mutate(originals[0], originals, np.random.default_rng(n)) != originals[0] for n in range(50)]
    assert sum(changed) > 40
