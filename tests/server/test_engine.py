"""Rendering in this process: the client's options, without a server."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Wake
from typing import Any

import numpy as np
import pytest
from PIL import Image
from reverie_ascent.runtime import instruction_set
from reverie_proto.v1 import objective_pb2
from reverie_server import Accepted, Draining, Engine, InvalidRequest, Limits, NotServed, Progress, Rendering
from reverie_server.request.options import render_request

from tests.server.fakes import PATIENCE_S
from tests.sizes import square

SMALL: dict[str, Any] = {"size": 32, "steps": 4}

OBJECTIVE = objective_pb2.Objective(layer=objective_pb2.LayerObjective(layer="pool1"))

# Calls without an objective, or with two.
MISUSES: list[dict[str, Any]] = [
    {"model": "tiny"},
    {"model": "tiny", "layer": "conv1_1"},
    {"model": "tiny", "channel": 1},
    {"model": "tiny", "layer": "conv1_1", "channel": 1, "objective": OBJECTIVE},
    {"model": "tiny", "layer": "conv1_1", "channel": 1, "stepps": 3},
]

# An option that no request can hold or no server supports, and the message.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"seed": -1}, "spec.seed: -1 is not in 0"),
    ({"seed": 2**32}, "spec.seed: 4294967296 is not in 0"),
    ({"steps": 2**40}, "spec.steps: 1099511627776 is not in -2147483648"),
    ({"steps": "many"}, "spec.steps: 'many' is not a whole number"),
    ({"size": 0}, "spec.size: 0 x 0 px .* the height 0 is not in 1"),
    ({"parametrization": "furier"}, "spec.parametrization: 'furier' is not one of fourier, pixel"),
    ({"schedule": "one_cicle"}, "spec.schedule: 'one_cicle' is not one of constant, one_cycle"),
    ({"transforms": "lucit"}, "spec.transforms.set: there is no set of transforms 'lucit'; the nearest: lucid"),
    ({"frames_at": [1, "x"]}, r"frames.steps\[1\]: 'x' is not a whole number"),
    ({"priority": "urgent"}, "priority: 'urgent' is not one of interactive, batch"),
    ({"seed": -1, "size": 0, "preset": "x"}, "spec.seed: .*; spec.preset: .*; spec.size: "),
]


def test_a_rendering_holds_the_picture_and_how_it_was_made(engine: Engine, tmp_path: Path) -> None:
    rendering = engine.render("tiny", "conv1_1", 1, **SMALL)
    assert rendering.array.shape == (32, 32, 3)
    assert rendering.array.dtype == np.float32
    assert 0 <= rendering.array.min() <= rendering.array.max() <= 1
    assert rendering.image.size == (32, 32)
    assert rendering.outcome == "converged"
    assert rendering.history.shape == (4,)
    assert rendering.spec.size == square(32)
    rendering.save(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as saved:
        np.testing.assert_array_equal(np.asarray(saved), np.asarray(rendering.image))


def test_the_same_call_gives_the_same_picture_and_another_seed_another(engine: Engine) -> None:
    first, again, other = (engine.render("tiny", "conv1_1", 1, seed=seed, **SMALL) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.array, again.array)
    assert first.spec_digest == again.spec_digest
    assert not np.array_equal(first.array, other.array)


def test_a_spec_can_replace_all_arguments(engine: Engine) -> None:
    first = engine.render("tiny", "conv1_1", 1, seed=3, **SMALL)
    again = engine.render(spec=first.spec)
    assert again.encoded() == first.encoded()
    assert again.spec == first.spec


def test_a_label_selects_its_class(engine: Engine) -> None:
    (logits,) = (layer for layer in engine.layers("tiny") if layer.name == "logits")
    label = engine.models()[0].labels[1]
    rendering = engine.render("tiny", "logits", label, size=max(32, logits.size_multiple.height_px), steps=1)
    assert rendering.spec.objective.logit.index == 1


def test_an_objective_may_be_any_kind_of_the_protocol(engine: Engine) -> None:
    assert engine.render("tiny", objective=OBJECTIVE, **SMALL).spec.objective == OBJECTIVE


def test_a_rendering_has_its_frames(engine: Engine) -> None:
    rendering = engine.render("tiny", "conv1_1", 1, frames_every=2, frames_at=[3], frame_size=16, **SMALL)
    assert [frame.step for frame in rendering.frames] == [0, 2, 3, 4]
    assert {frame.image.size for frame in rendering.frames} == {(16, 16)}


def test_a_stream_is_accepted_progress_and_one_rendering(engine: Engine) -> None:
    events = list(engine.stream("tiny", "conv1_1", 1, progress_every=1, **SMALL))
    assert isinstance(events[0], Accepted)
    assert isinstance(events[-1], Rendering)
    assert all(isinstance(event, Progress) for event in events[1:-1])
    assert events[-1].array.tobytes() == engine.render("tiny", "conv1_1", 1, **SMALL).array.tobytes()


def test_leaving_a_stream_stops_the_device(models: Path) -> None:
    with Engine([models], device="cpu", threads=1) as engine:
        for event in engine.stream("tiny", "conv1_1", 1, size=256, steps=10_000, progress_every=1):
            if isinstance(event, Progress):
                break
        del event
        engine.render("tiny", "conv1_1", 1, **SMALL)
        stats = engine.stats()
    assert (stats.stopped, stats.finished) == (1, 1)
    assert stats.steps < 5_000


def test_closing_stops_running_and_waiting_renders(models: Path) -> None:
    engine = Engine([models], device="cpu", threads=1)
    endless = [engine.stream("tiny", "conv1_1", 1, size=256, steps=10_000) for _ in range(2)]
    engine.close()
    assert engine.stats().late_steps <= 1
    assert engine.stats().running == engine.stats().waiting == 0
    assert all(next(iter(stream)) for stream in endless)  # earlier events can still be read
    with pytest.raises(Draining):
        engine.render("tiny", "conv1_1", 1)


def test_concurrent_threads_get_the_same_pictures_as_alone(engine: Engine) -> None:
    def render(channel: int) -> bytes:
        rendering: Rendering = engine.render("tiny", "conv1_1", channel, **SMALL)
        return rendering.encoded()

    alone = [render(channel) for channel in range(3)]
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(render, range(3))) == alone


@pytest.mark.parametrize("call", MISUSES, ids=str)
def test_a_call_must_give_its_objective_in_exactly_one_way(engine: Engine, call: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"say what to render|no option .stepps.; did you mean .steps."):
        engine.render(**call)


@pytest.mark.parametrize(("words", "problem"), REFUSED, ids=str)
def test_an_unsupported_option_is_refused_like_a_field(engine: Engine, words: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        engine.render("tiny", "conv1_1", 1, **words)


def test_an_unknown_name_is_refused_with_the_nearest_one(engine: Engine) -> None:
    with pytest.raises(NotServed, match="the nearest: tiny"):
        engine.render("tinny", "conv1_1", 1)
    with pytest.raises(NotServed, match="the nearest: tiny"):
        engine.layers("tinny")


def test_the_limits_can_be_set(models: Path) -> None:
    with Engine([models], device="cpu", threads=1, limits=Limits(max_steps=2)) as engine:
        assert engine.info().limits.max_steps == 2
        with pytest.raises(InvalidRequest, match=r"4 is not in 1\.\.2"):
            engine.render("tiny", "conv1_1", 1, **SMALL)


# ----- batches and programs -----


def same(one: Rendering, other: Rendering) -> bool:
    return (one.array.tobytes(), one.history.tobytes()) == (other.array.tobytes(), other.history.tobytes())


def test_a_picture_has_the_same_bytes_in_any_batch(models: Path, engine: Engine) -> None:
    """The other renders come and go, with other steps and seeds."""
    with Engine([models], device="cpu", threads=1, batch=4) as shared:
        assert shared.info().device_class == f"cpu-{instruction_set.cpu().name}-batch4"
        assert shared.info().limits.max_batch == 4
        alone = [shared.render("tiny", "conv1_1", n % 6, size=32, steps=10 + 40 * n, seed=n) for n in range(9)]

        def render(n: int) -> Rendering:
            return shared.render("tiny", "conv1_1", n % 6, size=32, steps=10 + 40 * n, seed=n)

        before = shared.stats()
        with ThreadPoolExecutor(9) as threads:
            together = list(threads.map(render, range(9)))
        after = shared.stats()
    assert all(map(same, together, alone))
    assert after.runs - before.runs < after.steps - before.steps
    single = engine.render("tiny", "conv1_1", 3, size=32, steps=130, seed=3)
    error = float(((single.array.astype(np.float64) - alone[3].array) ** 2).mean())
    assert error == 0 or -10 * np.log10(error) >= 50  # dB, between batches of different size


def test_a_picture_has_the_same_bytes_after_its_render_was_suspended(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reverie_server.scheduler.turns.TURN_S", 0.01)

    def render(layer: str) -> Rendering:
        return engine.render("tiny", layer, 1, size=32, steps=150)

    with Engine([models], device="cpu", threads=1) as engine:
        layers = ["conv1_1", "conv2_1", "relu2_1"]
        alone = [render(layer) for layer in layers]
        with ThreadPoolExecutor(3) as threads:
            together = list(threads.map(render, layers))
    assert all(map(same, together, alone))


@pytest.mark.parametrize("batch", [0, -1, 65])
def test_a_batch_has_bounds(models: Path, batch: int) -> None:
    with pytest.raises(ValueError, match=rf"batch {batch} is not in 1\.\.64"):
        Engine([models], device="cpu", batch=batch)


def test_a_program_can_be_loaded_before_the_first_render(models: Path) -> None:
    with Engine([models], device="cpu", threads=1) as engine:
        engine.warm(["tiny/conv1_1", "tiny/conv2_1"])
        assert engine.stats().builds == 2
        assert engine.stats().program_bytes > 2 * 16 * 2**20
        engine.render("tiny", "conv1_1", 1, steps=1)
        assert engine.stats().builds == 2
        with pytest.raises(NotServed, match="the nearest: conv1_1"):
            engine.warm(["tiny/conv1_7"])
        with pytest.raises(NotServed, match="there is no model 'tinny'"):
            engine.warm(["tinny/conv1_1"])


def test_events_are_posted_from_another_thread(engine: Engine) -> None:
    """The service relies on this."""
    wake = Wake()
    subscription = engine.submit(engine.check(engine_request()), wake.set)
    while not isinstance(subscription.take(), Rendering):
        assert wake.wait(PATIENCE_S)
        wake.clear()


def engine_request() -> Any:
    made, wrong = render_request("tiny", "conv1_1", 1, SMALL)
    assert not wrong
    return made


def test_a_process_may_end_without_closing_its_engine(models: Path) -> None:
    """The thread that renders must not keep a script alive, nor crash it."""
    script = (
        "import sys; from reverie_server import Engine\n"
        "engine = Engine([sys.argv[1]], device='cpu', threads=1)\n"
        "engine.render('tiny', 'conv1_1', 1, size=32, steps=2)\n"
        "print('done')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(models)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
