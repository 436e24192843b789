"""Pictures with an alpha channel: engine, wire, store, client and command show the same."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reverie
from PIL import Image
from reverie_server import Engine, InvalidRequest
from reverie_server.process.local import serving

from tests.server.request.test_spec import problems

SMALL: Any = {"size": (24, 32), "steps": 3, "seed": 3}


@pytest.fixture(scope="module")
def client(models: Path) -> Iterator[reverie.Client]:
    with serving([models], device="cpu") as address, reverie.Client(address) as client:
        yield client


def test_a_picture_of_the_engine_has_opacity_in_every_form(engine: Engine) -> None:
    made = engine.render("tiny", "conv2_1", 3, alpha=True, frames_every=3, **SMALL)
    assert made.array.shape == (24, 32, 4)
    assert made.alpha
    assert made.image.mode == "RGBA"
    for form in ("png", "webp", "jpeg"):
        with Image.open(io.BytesIO(made.encoded(form))) as image:
            assert (image.format, image.mode) == ("PNG" if form == "jpeg" else form.upper(), "RGBA")
    assert len(made.encoded("raw")) == 4 * 4 * 24 * 32
    assert [frame.image.mode for frame in made.frames] == ["RGBA"] * 2
    with pytest.raises(ValueError, match="a JPEG has no opacity"):
        made.save("picture.jpg")


@pytest.mark.parametrize("form", ["png", "webp", "jpeg", "raw"])
def test_the_client_sees_what_the_engine_made(engine: Engine, client: reverie.Client, form: str) -> None:
    options: Any = {"alpha": True, "format": form, "frames_every": 3, "frame_format": form, **SMALL}
    made = engine.render("tiny", "conv2_1", 3, alpha=True, **SMALL)
    seen = client.render("tiny", "conv2_1", 3, **options)
    assert seen.alpha
    assert np.asarray(seen.image).tobytes() == np.asarray(made.image).tobytes()
    assert seen.array.shape == (24, 32, 4)
    assert [frame.image.mode for frame in seen.frames] == ["RGBA"] * 2
    with pytest.raises(reverie.UsageError, match="A JPEG has no opacity"):
        seen.encoded("jpeg")


def test_a_group_and_a_stored_picture_have_opacity_too(models: Path, tmp_path: Path) -> None:
    with Engine([models], device="cpu", store=tmp_path) as engine:
        first, again = (engine.render("tiny", "conv2_1", 4, alpha=True, pictures=2, **SMALL) for _ in range(2))
    assert [each.image.mode for each in first.images] == ["RGBA"] * 2
    assert again.cached
    assert [each.data for each in again.images] == [each.data for each in first.images]


REFUSED = [
    ("parametrization { maco {} }", "spec.alpha", "does not go with maco; use one of fourier, pixel, laplacian"),
    ("parametrization { cppn {} }", "spec.alpha", "does not go with cppn"),
    ("parametrization { pixel { range: PIXEL_RANGE_UNBOUNDED } }", "spec.alpha", "range unbounded"),
    ("importance: true", "spec.importance", "does not go with alpha"),
]


@pytest.mark.parametrize(("text", "field", "said"), REFUSED)
def test_what_does_not_go_with_opacity_is_refused(engine: Engine, text: str, field: str, said: str) -> None:
    found = problems(engine, f"spec {{ alpha: true {text} }}", InvalidRequest)
    assert said in found[field]
