"""Encoded pictures: decoding gives the same picture."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reverie_proto.v1.spec_pb2 import (
    IMAGE_FORMAT_JPEG,
    IMAGE_FORMAT_PNG,
    IMAGE_FORMAT_RAW,
    IMAGE_FORMAT_WEBP,
    ImageFormat,
)
from reverie_server.request import images

FORMATS = [value for value in ImageFormat.values() if value]
LOSSLESS = [IMAGE_FORMAT_PNG, IMAGE_FORMAT_WEBP]

# A channel's value, and its eight-bit level: the nearest one within 0 to 255.
LEVELS = [(0.0, 0), (0.49 / 255, 0), (0.51 / 255, 1), (0.5, 128), (254.4 / 255, 254), (1.0, 255), (-0.1, 0), (1.1, 255)]


def picture(size: int = 33) -> images.Picture:
    """Return noise of a rectangular size, which any mistake in the layout would change."""
    return np.random.default_rng(0).random((size, size + 7, 3), np.float32)


def read(data: bytes) -> np.ndarray:
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(("value", "level"), LEVELS)
def test_eight_bits_are_rounded(value: float, level: int) -> None:
    pixels = np.asarray(images.to_pil(np.full((1, 1, 3), value, np.float32)))
    assert pixels.tolist() == [[[level] * 3]]


@pytest.mark.parametrize("form", LOSSLESS, ids=ImageFormat.Name)
def test_a_lossless_format_returns_every_level(form: ImageFormat) -> None:
    expected = np.round(picture().astype(np.float64) * 255)
    np.testing.assert_array_equal(read(images.encode(picture(), form)), expected)


def test_jpeg_returns_a_smooth_picture_within_a_few_levels() -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32)
    smooth = np.stack([np.tile(ramp, (64, 1)), np.tile(ramp[:, None], (1, 64)), np.full((64, 64), 0.5, np.float32)], -1)
    assert np.abs(read(images.encode(smooth, IMAGE_FORMAT_JPEG)) - smooth * 255).max() < 6


def test_raw_is_the_picture_itself_channels_first() -> None:
    data = images.encode(picture(), IMAGE_FORMAT_RAW)
    again = np.frombuffer(data, "<f4").reshape(3, 33, 40)
    np.testing.assert_array_equal(again, picture().transpose(2, 0, 1))


@pytest.mark.parametrize("form", FORMATS, ids=ImageFormat.Name)
def test_the_message_says_format_width_and_height(form: ImageFormat) -> None:
    message = images.message(picture(), form)
    assert (message.format, message.width_px, message.height_px) == (form, 40, 33)


def test_every_format_of_the_wire_has_an_encoder() -> None:
    assert set(images.ENCODERS) == set(FORMATS)


def test_a_png_carries_texts() -> None:
    texts = {"reverie": '{"model": "\\u00e9"}', "reverie-digest": "00ff"}
    with Image.open(BytesIO(images.encode(picture(), IMAGE_FORMAT_PNG, texts=texts))) as image:
        assert image.info == texts


@pytest.mark.parametrize("form", FORMATS, ids=ImageFormat.Name)
@pytest.mark.parametrize(
    "shape",
    [
        (1, 1, 3),
        (16, 16, 3),
        (224, 224, 3),
        (700, 700, 3),
        (224, 224, 1),
        (224, 224, 5),
        (1, 1024, 3),
        (1024, 1, 1),
        (9, 1000, 3),
    ],
)
def test_no_picture_is_larger_than_the_bound(form: ImageFormat, shape: tuple[int, int, int]) -> None:
    """Noise is the least compressible picture."""
    noise = np.random.default_rng(0).random(shape, np.float32)
    assert len(images.encode(noise, form)) <= images.largest_bytes(form, shape[:2], shape[2])


def test_one_channel_is_shown_as_grey() -> None:
    grey = picture()[..., :1]
    with Image.open(BytesIO(images.encode(grey, IMAGE_FORMAT_PNG))) as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), np.round(grey[..., 0].astype(np.float64) * 255))


@pytest.mark.parametrize(("channels", "shown"), [(1, [0, 0, 0]), (2, [0, 1, None]), (4, [0, 1, 2]), (9, [0, 1, 2])])
@pytest.mark.parametrize("form", LOSSLESS, ids=ImageFormat.Name)
def test_other_numbers_of_channels_are_shown_as_colours(
    form: ImageFormat, channels: int, shown: list[int | None]
) -> None:
    many = np.random.default_rng(0).random((5, 6, channels), np.float32)
    black = np.zeros((5, 6), np.float32)
    expected = np.stack([black if c is None else many[..., c] for c in shown], -1)
    np.testing.assert_array_equal(read(images.encode(many, form)), np.round(expected.astype(np.float64) * 255))


def test_raw_has_every_channel() -> None:
    many = np.random.default_rng(0).random((5, 6, 4), np.float32)
    again = np.frombuffer(images.encode(many, IMAGE_FORMAT_RAW), "<f4").reshape(4, 5, 6)
    np.testing.assert_array_equal(again, many.transpose(2, 0, 1))
    assert images.shrink(many, 3).shape == (2, 3, 4)


@pytest.mark.parametrize(("most", "size"), [(100, (33, 40)), (40, (33, 40)), (20, (16, 20)), (1, (1, 1))])
def test_shrinking_keeps_the_proportions_and_never_enlarges(most: int, size: tuple[int, int]) -> None:
    assert images.shrink(picture(), most).shape == (*size, 3)


def test_shrinking_averages() -> None:
    small = images.shrink(picture(33)[:32, :32], 16)
    expected = picture(33)[:32, :32].reshape(16, 2, 16, 2, 3).mean((1, 3))
    np.testing.assert_allclose(small, expected, atol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".webp", ".jpg", ".jpeg"])
def test_a_suffix_stands_for_a_format(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(images.encode(picture(), images.format_of(suffix)))
    with Image.open(path) as image:
        assert image.format is not None
        assert image.format.lower() == suffix[1:].lower().replace("jpg", "jpeg")


def test_an_unknown_suffix_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"'\.tiff'.*\.png, \.webp, \.jpg, \.jpeg"):
        images.format_of(".tiff")
