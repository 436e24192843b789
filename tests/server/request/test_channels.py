"""Models whose pictures are not RGB: grey, with an alpha channel, or with many bands."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from reverie_server import Engine

from tests.models import write_tiny_model

COUNTS = (1, 2, 4, 6)
PIXEL = {"parametrization": "pixel", "transforms": "none"}


@pytest.mark.parametrize("channels", COUNTS)
@pytest.mark.parametrize("options", [{}, PIXEL, {"preset": "lucid"}], ids=["default", "pixel", "lucid"])
def test_a_picture_has_as_many_channels_as_its_network_takes(
    channels: int, options: dict[str, Any], tmp_path: Path
) -> None:
    write_tiny_model(tmp_path / "bands", channels=channels)
    with Engine([tmp_path]) as engine:
        rendering = engine.render("bands", "conv2_1", 1, size=32, steps=24, **options)
    assert rendering.array.shape == (32, 32, channels)
    assert rendering.history[-4:].mean() > rendering.history[:4].mean()
    assert rendering.array.std(axis=(0, 1)).min() > 0  # every channel is climbed


@pytest.mark.parametrize("channels", COUNTS)
def test_a_png_of_it_can_be_read(channels: int, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "bands", channels=channels)
    with Engine([tmp_path]) as engine:
        rendering = engine.render("bands", "conv1_1", 1, size=32, steps=4)
        with Image.open(BytesIO(rendering.encoded())) as image:
            assert image.mode == ("L" if channels == 1 else "RGB")
            assert image.size == (32, 32)
            first = np.asarray(image) if channels == 1 else np.asarray(image)[..., 0]
    np.testing.assert_allclose(first / 255, rendering.array[..., 0], atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize("channels", COUNTS)
def test_the_store_returns_it_unchanged(channels: int, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "models" / "bands", channels=channels)
    with Engine([tmp_path / "models"], store=tmp_path / "store") as engine:
        made, kept = (engine.render("bands", "conv1_1", 1, size=32, steps=4) for _ in range(2))
    assert not made.cached
    assert kept.cached
    np.testing.assert_array_equal(kept.array, made.array)
