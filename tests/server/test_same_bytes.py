"""Equal specs and equal makers give equal pictures, in any process, with any cache, threads and load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from reverie_ascent.plan import shipped_names
from reverie_ascent.runtime import instruction_set
from reverie_server import Engine

from tests.busy import busy_neighbours

ROOT = Path(__file__).parents[2]

#: Layers of texture19 that render fast: convolutions with and without lowering, a ReLU, a pool.
SPECS = [
    ("conv1_2", {"size": 48}),
    ("conv2_2", {"size": 64}),
    ("conv3_1", {"size": 96, "seed": 7}),
    ("relu3_2", {"size": 64, "transforms": "none"}),
    ("pool3", {"size": 50, "parametrization": "pixel"}),
]

RENDER = """
import hashlib, json, sys
from reverie_server import Engine

threads, specs = int(sys.argv[1]), json.loads(sys.argv[2])
with Engine(device="cpu", threads=threads) as engine:
    made = [engine.render("texture19", layer, 1, steps=3, **options) for layer, options in specs]
    digests = [hashlib.sha256(one.array.tobytes()).hexdigest() for one in made]
    print(json.dumps({"maker": engine.info().maker, "digests": digests}))
"""


def begin(cache: Path, *, threads: int) -> subprocess.Popen[str]:
    """Start a process with an empty cache that renders the specs."""
    return subprocess.Popen(
        [sys.executable, "-c", RENDER, str(threads), json.dumps(SPECS)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
    )


def end(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return output


def test_five_processes_with_five_empty_caches_make_the_same_bytes(tmp_path: Path) -> None:
    quiet = [end(begin(tmp_path / f"quiet{threads}", threads=threads)) for threads in (1, 2)]
    with busy_neighbours(4):
        crowd = [begin(tmp_path / f"busy{number}", threads=1 + number % 2) for number in range(3)]
        output = {*quiet, *map(end, crowd)}
    assert len(output) == 1
    (one,) = output
    assert len(set(json.loads(one)["digests"])) == len(SPECS)
    assert not list(tmp_path.rglob("*.json"))  # nothing was measured, and nothing was saved


def test_a_plan_of_another_class_is_another_maker_with_a_folder_of_its_own(tmp_path: Path) -> None:
    other = next(name for name in shipped_names() if name not in (instruction_set.cpu().plan, "cuda"))
    made: dict[str | None, str] = {}
    for turn, plan in enumerate([None, other, None, other]):
        with Engine(device="cpu", store=tmp_path, plan=plan) as engine:
            rendering = engine.render("texture19", "conv2_1", 1, size=32, steps=2, seed=3)
            assert rendering.maker == engine.info().maker == made.get(plan, rendering.maker)
            assert rendering.cached == (turn > 1)  # each finds its own entry again, and no other's
            made[plan] = rendering.maker
    assert made[None] != made[other]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(made.values())
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2


def test_an_entry_that_names_another_maker_is_refused_and_rendered_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Even in this maker's folder: a copied or renamed folder does not change the maker of a picture."""
    with Engine(device="cpu", store=tmp_path, plan="neon") as engine:
        engine.render("texture19", "conv1_1", 1, size=32, steps=2)
        theirs = engine.maker.name
    with Engine(device="cpu", store=tmp_path, exact=True) as engine:
        (tmp_path / theirs).rename(tmp_path / engine.maker.name)
        rendering = engine.render("texture19", "conv1_1", 1, size=32, steps=2)
        assert not rendering.cached
        assert rendering.maker == engine.maker.name
    assert f"it was made by {theirs}, not by {rendering.maker}" in caplog.text
