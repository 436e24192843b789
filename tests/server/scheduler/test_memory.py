"""The estimated memory of a program: it grows with depth, size and batch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from reverie_ascent.models.repository import Model, ModelRepository
from reverie_server.scheduler.memory import BASE_BYTES, BYTES, PIXELS, footprint

from tests.server.scheduler.test_estimate import DEVICE, key


@pytest.fixture
def tiny(models: Path) -> Model:
    return ModelRepository([models]).model("tiny")


def test_it_grows_with_the_depth_the_picture_and_the_batch(tiny: Model) -> None:
    one = footprint(tiny, key("conv2_1", 32), DEVICE)
    assert one > BASE_BYTES
    assert footprint(tiny, key("relu3_1", 32), DEVICE) > one
    assert footprint(tiny, key("conv2_1", 64), DEVICE) > one
    assert footprint(tiny, key("conv2_1", 32), dataclasses.replace(DEVICE, batch=2)) > one


def test_activations_grow_with_the_picture_and_weights_are_counted_once_per_direction(tiny: Model) -> None:
    """The first layer only: a normalisation, then one convolution of 3 x 3 from 3 to 6 channels."""
    exact = dataclasses.replace(DEVICE, exact=True)
    small, large = (footprint(tiny, key("conv1_1", size), exact) - BASE_BYTES for size in (32, 64))
    weights = 4 * 2 * 6 * 3 * 3 * 3
    assert large - weights == pytest.approx(4 * (small - weights), abs=4)
    assert footprint(tiny, key("relu3_1", 32), DEVICE) > footprint(tiny, key("relu3_1", 32), exact)


def test_of_several_layers_each_counts(tiny: Model) -> None:
    both = dataclasses.replace(key("conv1_1", 32), terms=(("conv1_1", "linear"), ("conv2_1", "linear")))
    once = BASE_BYTES + BYTES * PIXELS * 32**2
    alone = [footprint(tiny, key(layer, 32), DEVICE) - once for layer in ("conv1_1", "conv2_1")]
    assert min(alone) > 0
    assert footprint(tiny, both, DEVICE) - once == pytest.approx(sum(alone), abs=2)


def test_a_damaged_layer_fails_when_it_is_loaded(tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tiny._files, tiny.layers["conv1_1"].file, tiny._files["weights.bin"])
    assert footprint(tiny, key("conv1_1", 32), DEVICE) == BASE_BYTES
