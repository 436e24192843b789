"""The weights in the repository: their size and the accuracy of the network."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from demo_model.augment import SMALL
from demo_model.evaluate import deployed, predictions
from demo_model.motifs import LABELS
from demo_model.network import texture19
from demo_model.pool import HELD_OUT, labels, series

FOLDER = Path(__file__).parents[2] / "demo_model"

# file, bytes at most, type of numbers, least held-out accuracy
SHIPPED = [
    ("texture19.safetensors", 5.2e6, torch.float32, 0.88),
    ("recogniser.safetensors", 2.7e6, torch.float16, 0.78),
]
FILES = pytest.mark.parametrize(("name", "most_bytes", "dtype", "least"), SHIPPED, ids=[row[0] for row in SHIPPED])

COUNT = 5 * len(LABELS)


@pytest.fixture(scope="module")
def held_out() -> NDArray[np.uint8]:
    return series(HELD_OUT, COUNT)


@FILES
def test_the_file_is_small_and_complete(name: str, most_bytes: float, dtype: torch.dtype, least: float) -> None:
    weights = load_file(FOLDER / name)
    assert (FOLDER / name).stat().st_size <= most_bytes
    assert {key: value.shape for key, value in weights.items()} == {
        key: value.shape for key, value in texture19().state_dict().items()
    }
    assert {value.dtype for value in weights.values()} == {dtype}
    assert all(math.isfinite(value.float().abs().max()) for value in weights.values())


@FILES
def test_held_out_images_are_classified_correctly(
    name: str, most_bytes: float, dtype: torch.dtype, least: float, held_out: NDArray[np.uint8]
) -> None:
    torch.set_num_threads(2)
    found = predictions(deployed(load_file(FOLDER / name)), held_out, SMALL)
    assert (found == labels(COUNT)).mean() >= least
