"""Pictures: decoded on first use, saved atomically."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reverie
from PIL import Image
from reverie_proto.files import write_atomically
from reverie_proto.v1 import spec_pb2

from tests.client.scripted import pixels
from tests.sizes import square

EXPECTED = pixels(spec_pb2.RenderSpec(seed=4, size=square(16)))
LOSSY = 0.01  # the largest mean difference of JPEG at quality 95


def rendering(client: reverie.Client, **options: Any) -> reverie.Rendering:
    return client.render("tiny", "conv1_1", 3, seed=4, **options)


@pytest.mark.parametrize(("fmt", "tolerance"), [("png", 0), ("webp", 0), ("raw", 0), ("jpeg", LOSSY)])
def test_every_format_is_the_same_picture(client: reverie.Client, fmt: str, tolerance: float) -> None:
    picture = rendering(client, format=fmt)
    assert picture.format == fmt
    assert (picture.array.dtype.name, picture.array.shape) == ("float32", (16, 16, 3))
    assert np.abs(picture.array - EXPECTED / np.float32(255)).mean() <= tolerance + 1e-7
    assert np.abs(np.asarray(picture.image, float) - EXPECTED).mean() / 255 <= tolerance


@pytest.mark.parametrize(("channels", "shown"), [(1, [0, 0, 0]), (2, [0, 1, None]), (4, [0, 1, 2])])
def test_raw_data_with_other_numbers_of_channels_can_be_shown(channels: int, shown: list[int | None]) -> None:
    planes = np.random.default_rng(0).random((channels, 4, 5), np.float32)
    picture = reverie.Picture(data=planes.tobytes(), format=reverie.ImageFormat.RAW, width=5, height=4)
    np.testing.assert_array_equal(picture.array, planes.transpose(1, 2, 0))
    seen = np.asarray(picture.image, float) / 255
    for channel, source in enumerate(shown):
        expected = np.zeros((4, 5)) if source is None else planes[source]
        np.testing.assert_allclose(seen[..., channel], expected, atol=0.51 / 255)


def test_a_grey_png_is_a_grey_picture() -> None:
    levels = np.arange(20, dtype=np.uint8).reshape(4, 5)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG")
    picture = reverie.Picture(data=buffer.getvalue(), format=reverie.ImageFormat.PNG, width=5, height=4)
    np.testing.assert_array_equal(np.asarray(picture.image), np.repeat(levels[..., None], 3, axis=2))


def test_every_format_of_the_wire_is_known() -> None:
    known = {f"IMAGE_FORMAT_{known.name}" for known in reverie.ImageFormat}
    assert known == set(spec_pb2.ImageFormat.keys()) - {"IMAGE_FORMAT_UNSPECIFIED"}


def test_every_outcome_of_the_wire_is_known() -> None:
    assert {f"OUTCOME_{outcome.value.upper()}" for outcome in reverie.Outcome} == set(spec_pb2.Outcome.keys())


def test_an_array_is_read_only(client: reverie.Client) -> None:
    picture = rendering(client)
    with pytest.raises(ValueError, match="read-only"):
        picture.array[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        picture.history[0] = 0


def test_a_png_is_saved_unchanged(client: reverie.Client, tmp_path: Path) -> None:
    picture = rendering(client)
    path = picture.save(tmp_path / "new" / "folder" / "x.PNG")
    assert path.read_bytes() == picture.data
    with Image.open(path) as image:
        assert image.info["note"] == "made by the server"


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg", ".jpeg"])
@pytest.mark.parametrize("fmt", ["raw", "png", "webp"])
def test_any_format_is_saved_in_the_format_of_the_suffix(
    client: reverie.Client, tmp_path: Path, fmt: str, suffix: str
) -> None:
    path = rendering(client, format=fmt).save(tmp_path / f"x{suffix}")
    with Image.open(path) as image:
        assert image.format == {".png": "PNG", ".webp": "WEBP"}.get(suffix, "JPEG")
        assert np.abs(np.asarray(image, float) - EXPECTED).mean() / 255 <= (LOSSY if suffix.startswith(".j") else 0)


def test_a_png_made_here_says_how_it_was_made(client: reverie.Client, tmp_path: Path) -> None:
    picture = rendering(client, format="raw")
    path = picture.save(tmp_path / "x.png")
    assert reverie.Spec.of_picture(path) == picture.spec
    with Image.open(path) as image:
        assert image.info["reverie-digest"] == picture.spec_digest
        assert image.info["reverie-maker"] == picture.maker


def test_a_picture_that_does_not_say_how_it_was_made_is_refused(client: reverie.Client, tmp_path: Path) -> None:
    path = rendering(client).save(tmp_path / "x.webp")
    with pytest.raises(reverie.UsageError, match="does not say how it was made"):
        reverie.Spec.of_picture(path)


@pytest.mark.parametrize("name", ["x", "x.gif", "x.tiff"])
def test_an_unknown_suffix_is_refused(client: reverie.Client, tmp_path: Path, name: str) -> None:
    with pytest.raises(reverie.UsageError, match=r"\.png, \.webp, \.jpg, \.jpeg"):
        rendering(client).save(tmp_path / name)
    assert list(tmp_path.glob("x*")) == []


def test_a_notebook_shows_the_picture(client: reverie.Client) -> None:
    shown = rendering(client, format="webp")._repr_png_()
    with Image.open(io.BytesIO(shown)) as image:
        np.testing.assert_array_equal(np.asarray(image), EXPECTED)


def test_the_text_of_a_rendering_is_short(client: reverie.Client) -> None:
    assert len(repr(rendering(client, size=64, frames_every=1))) < 1000


def test_a_failed_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    write_atomically(tmp_path / "x.png", b"old")
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "x.png", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.png", b"old")]


def test_a_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = write_atomically(tmp_path / "x.png", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
