"""The estimated duration of a render: from a model before it begins, from measurements after its program has run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from reverie_ascent.models.repository import Model, ModelRepository
from reverie_ascent.plan import shipped
from reverie_ascent.program import ProgramKey, program_key
from reverie_ascent.recipe import Recipe, Term
from reverie_ascent.runtime.devices.cpu import CPU
from reverie_ascent.runtime.devices.cuda import CUDA
from reverie_ascent.runtime.session import Device
from reverie_proto.v1 import visualization_pb2
from reverie_server import Accepted, Engine
from reverie_server.catalog import Catalog
from reverie_server.limits import Limits
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.estimate import FACTORS, Estimates, Work, work
from reverie_server.scheduler.step_times import StepTimes

from tests.sizes import square

# Built directly, because choosing a device would size the thread pool of all tests during collection.
DEVICE = Device("cpu", (CPU.provider,), 1, plan=shipped("avx2"))


def plan(models: Path, *, layer: str = "conv1_1", steps: int = 10, size: int = 32) -> RenderRequest:
    request = visualization_pb2.StreamRenderRequest()
    request.spec.model, request.spec.objective.channel.layer = "tiny", layer
    request.spec.steps = steps
    request.spec.size.CopyFrom(square(size))
    return Catalog([models], Limits()).check(request)


def key(layer: str, size: int) -> ProgramKey:
    return program_key(Recipe((Term("channel", layer),), (size, size), steps=1, learning_rate=1, seed=0))


@pytest.fixture
def tiny(models: Path) -> Model:
    return ModelRepository([models]).model("tiny")


def test_no_factor_is_negative() -> None:
    assert all(factor >= 0 for factor in FACTORS)
    assert Work(1, 0, 0, 0, 0).seconds == FACTORS[0]


def test_work_grows_with_the_picture_the_depth_and_the_batch(tiny: Model) -> None:
    one = work(tiny, key("conv2_1", 32), 1, DEVICE)
    for more in (
        work(tiny, key("conv2_1", 64), 1, DEVICE),
        work(tiny, key("relu2_1", 32), 1, DEVICE),
        work(tiny, key("conv2_1", 32), 3, DEVICE),
    ):
        assert more.convolutions > one.convolutions
        assert more.numbers > one.numbers
        assert more.seconds > one.seconds


def test_twice_the_pixels_a_side_are_four_times_the_work(tiny: Model) -> None:
    small, large = (work(tiny, key("conv2_1", size), 1, DEVICE) for size in (32, 64))
    assert large.convolutions == pytest.approx(4 * small.convolutions)
    assert large.pixels == pytest.approx(4 * small.pixels)


def test_the_last_convolution_of_a_linear_objective_is_not_computed(tiny: Model) -> None:
    assert work(tiny, key("conv1_1", 32), 1, DEVICE).convolutions == 0
    assert work(tiny, key("conv1_1", 32), 1, dataclasses.replace(DEVICE, exact=True)).convolutions > 0
    squares = dataclasses.replace(key("conv1_1", 32), terms=(("conv1_1", "squares"),))
    assert work(tiny, squares, 1, DEVICE).convolutions > 0


def test_reading_weights_does_not_depend_on_the_picture(tiny: Model) -> None:
    small, large = (work(tiny, key("logits", size), 1, DEVICE) for size in (32, 64))
    assert small.weights == large.weights > work(tiny, key("conv2_1", 32), 1, DEVICE).weights > 0


def test_threads_speed_up_the_products_and_not_the_memory(tiny: Model) -> None:
    one, four = (work(tiny, key("relu2_1", 32), 1, dataclasses.replace(DEVICE, threads=threads)) for threads in (1, 4))
    assert one.convolutions == pytest.approx(4 * four.convolutions)
    assert (one.numbers, one.weights) == (four.numbers, four.weights)


def test_of_several_layers_the_deepest_counts(tiny: Model) -> None:
    both = dataclasses.replace(key("conv1_1", 32), terms=(("conv1_1", "linear"), ("conv2_1", "linear")))
    assert work(tiny, both, 1, DEVICE) == work(tiny, key("conv2_1", 32), 1, DEVICE)


def estimates(device: Device = DEVICE) -> Estimates:
    return Estimates(device, StepTimes())


def test_a_render_takes_its_steps(models: Path) -> None:
    ten, forty = (estimates().seconds(plan(models, steps=n)) for n in (10, 40))
    assert ten is not None
    assert forty == pytest.approx(4 * ten)


def test_a_program_that_has_run_is_estimated_by_its_measured_time(models: Path) -> None:
    learned = estimates()
    for second in range(100):
        learned.learn(plan(models), 0.5, second, first=False)
    assert learned.seconds(plan(models, steps=7)) == pytest.approx(3.5, rel=0.02)


def test_a_gpu_has_no_estimate_until_a_program_has_run(models: Path) -> None:
    learned = estimates(Device("cuda", (CUDA.provider,), 1))
    assert learned.seconds(plan(models)) is None
    learned.learn(plan(models), 0.25, 0.0, first=True)
    assert learned.seconds(plan(models)) == pytest.approx(2.5)


def test_a_damaged_layer_has_no_estimate_and_fails_in_its_render(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan(models)
    monkeypatch.setitem(made.model._files, made.model.layers["conv1_1"].file, made.model._files["weights.bin"])
    assert estimates().seconds(made) is None


def test_a_stream_begins_with_the_estimate_and_the_next_with_the_measured_time(models: Path) -> None:
    with Engine([models], device="cpu", threads=1) as engine:
        first, *_ = engine.stream("tiny", "conv1_1", 1, size=32, steps=4)
        again, *_ = engine.stream("tiny", "conv1_1", 1, size=32, steps=4)
        third, *_ = engine.stream("tiny", "conv1_1", 1, size=32, steps=8)
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert isinstance(third, Accepted)
    assert first.estimated_s is not None
    assert first.estimated_s > 0
    assert again.estimated_s not in (None, first.estimated_s)
    assert third.estimated_s is not None
    assert third.estimated_s > 0
