"""A tiny model and a device for all tests of the ascent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from reverie_ascent.models.repository import Model
from reverie_ascent.runtime.session import Device, choose_device

from tests.models import write_tiny_model

MakeModel = Callable[..., Model]


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """Write a tiny model with some bias and gain."""

    def make(*, bias: float = 0.0, gain: float = 1.0) -> Model:
        return Model(write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", bias=bias, gain=gain))

    return make


@pytest.fixture(scope="session")
def tiny(make_model: MakeModel) -> Model:
    """The tiny model, unchanged."""
    return make_model()


@pytest.fixture(scope="session")
def device() -> Device:
    return choose_device("cpu", threads=1)
