"""Statistics of a folder of pictures: colours and magnitudes, against numpy."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import reverie
from numpy.typing import NDArray
from PIL import Image
from reverie import parametrizations, spec, statistics

Pixels = NDArray[np.uint8]
Measure = Callable[[Path], object]


def correlated(height: int, width: int, *, seed: int = 0) -> Pixels:
    """Return a picture whose colours vary most along grey, as those of photographs do."""
    axes = np.array([[50, 12, 3], [50, 0, -6], [50, -12, 3]])
    numbers = np.random.default_rng(seed).standard_normal((height, width, 3))
    levels: Pixels = np.clip(128 + numbers @ axes.T, 0, 255).astype(np.uint8)
    return levels


def write(path: Path, picture: Pixels) -> Pixels:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return picture


def basis(folder: Path) -> NDArray[np.float64]:
    """Return the axes of colour as a matrix whose columns are the axes."""
    return np.array(statistics.colours(folder)).reshape(3, 3)


def magnitude(folder: Path) -> NDArray[np.float64]:
    """Return the measured magnitude as [channels, height, width // 2 + 1]."""
    fields = dict(statistics.magnitude(folder).fields)
    assert (fields["height"], fields["width"]) == (statistics.SIDE, statistics.SIDE)
    return np.array(fields["values"]).reshape(3, statistics.SIDE, statistics.SIDE // 2 + 1)


def spectrum(picture: Pixels) -> NDArray[np.float64]:
    """Return the magnitude of a square picture's spectrum in Lucid's axes of colour."""
    channels = np.linalg.solve(statistics.LUCID, (picture / 255).reshape(-1, 3).T)
    return np.abs(np.fft.rfft2(channels.reshape(3, *picture.shape[:2])))


def test_the_axes_of_colour_are_a_square_root_of_the_covariance(tmp_path: Path) -> None:
    one = write(tmp_path / "a.png", correlated(40, 30))
    other = write(tmp_path / "b.png", correlated(20, 25, seed=1))
    covariance = np.cov(np.concatenate([one.reshape(-1, 3), other.reshape(-1, 3)]).T / 255)
    axes = basis(tmp_path)
    np.testing.assert_allclose(axes @ axes.T, covariance, rtol=1e-12, atol=1e-15)


def test_the_axes_of_colour_are_orthogonal_and_in_order(tmp_path: Path) -> None:
    write(tmp_path / "a.png", correlated(40, 30))
    axes = basis(tmp_path)
    lengths = np.linalg.norm(axes, axis=0)
    assert list(lengths) == sorted(lengths, reverse=True)
    np.testing.assert_allclose(axes.T @ axes, np.diag(lengths**2), atol=1e-12)
    assert (axes.sum(axis=0) >= 0).all()
    np.testing.assert_allclose(axes[:, 0] / lengths[0], 3**-0.5, atol=0.05)  # grey


def test_of_a_large_picture_some_pixels_count(tmp_path: Path) -> None:
    large = write(tmp_path / "a.png", correlated(300, 201))
    assert large[..., 0].size > 5 * statistics.PIXELS
    axes = basis(tmp_path)
    np.testing.assert_allclose(axes @ axes.T, np.cov(large.reshape(-1, 3).T / 255), rtol=0.1, atol=1e-3)


def test_the_magnitude_is_the_mean_of_the_spectra(tmp_path: Path) -> None:
    side = statistics.SIDE
    pictures = [write(tmp_path / f"{number}.png", correlated(side, side, seed=number)) for number in range(3)]
    expected = np.mean([spectrum(picture) for picture in pictures], axis=0)
    np.testing.assert_allclose(magnitude(tmp_path), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [(128, 201), (150, 128)])
def test_the_middle_square_of_a_picture_counts(tmp_path: Path, size: tuple[int, int]) -> None:
    whole = write(tmp_path / "a.png", correlated(*size))
    top, left = (size[0] - 128) // 2, (size[1] - 128) // 2
    middle = whole[top : top + 128, left : left + 128]
    np.testing.assert_allclose(magnitude(tmp_path), spectrum(middle), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("side", [1, 60, 128, 300])
def test_a_picture_of_any_size_is_scaled(tmp_path: Path, side: int) -> None:
    colour = np.array([200, 100, 50], np.uint8)
    write(tmp_path / "a.png", np.broadcast_to(colour, (side, side, 3)).copy())
    measured = magnitude(tmp_path)
    expected = np.abs(np.linalg.solve(statistics.LUCID, colour / 255)) * statistics.SIDE**2
    np.testing.assert_allclose(measured[:, 0, 0], expected, rtol=1e-9)
    measured[:, 0, 0] = 0
    np.testing.assert_allclose(measured, 0, atol=1e-7)


def test_lucids_longest_axis_has_length_one() -> None:
    assert np.linalg.norm(statistics.LUCID, axis=0).max() == pytest.approx(1, abs=1e-6)


def test_what_is_measured_fits_a_parametrization(tmp_path: Path) -> None:
    write(tmp_path / "a.png", correlated(20, 20))
    colours = statistics.colours(tmp_path)
    made = parametrizations.maco(magnitude=statistics.magnitude(tmp_path), colour=colours)
    message = spec.to_message(reverie.Spec("tiny", reverie.channel("c", 1), parametrization=made)).parametrization
    assert len(message.maco.magnitude.measured.values) == 3 * 128 * 65
    assert list(message.maco.colour.matrix.values) == pytest.approx(colours)


def test_pictures_of_all_formats_and_folders_count_in_the_order_of_their_names(tmp_path: Path) -> None:
    names = ["a.PNG", "b/c/d.jpg", "b/e.jpeg", "c.webp", "d.bmp", "e.tif", "f.tiff"]
    assert {Path(name).suffix.lower() for name in names} == set(statistics.SUFFIXES)
    for level, name in enumerate(reversed(names)):
        write(tmp_path / name, np.full((4, 5, 3), 30 * level, np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    levels = [float(picture.mean() * 255) for picture in statistics.pictures(tmp_path)]
    assert levels == pytest.approx([180, 150, 120, 90, 60, 30, 0], abs=2)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "CMYK"])
def test_pictures_of_all_kinds_become_red_green_and_blue(tmp_path: Path, mode: str) -> None:
    Image.new("RGB", (5, 4), (255, 255, 255)).convert(mode).save(tmp_path / "a.tif")
    (picture,) = statistics.pictures(str(tmp_path))
    np.testing.assert_array_equal(picture, np.ones((4, 5, 3)))


@pytest.mark.parametrize("measure", [statistics.colours, statistics.magnitude])
@pytest.mark.parametrize("place", ["absent", "empty", "texts", "file.png", "file.txt"])
def test_a_place_without_pictures_is_named(tmp_path: Path, measure: Measure, place: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("text")
    (tmp_path / "file.txt").write_text("text")
    write(tmp_path / "file.png", correlated(4, 4))
    with pytest.raises(reverie.UsageError) as refused:
        measure(tmp_path / place)
    assert str(refused.value).startswith(f"{tmp_path / place} is not a folder with pictures: files that end in .png,")


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def encoded(name: str) -> bytes:
    """Return the file of a picture."""
    buffer = io.BytesIO()
    Image.fromarray(correlated(20, 30)).save(buffer, name)
    return buffer.getvalue()


def damaged_chunk() -> bytes:
    """Return a PNG whose data goes on in a chunk that cannot be one."""
    whole = encoded("PNG")
    start = whole.index(b"IDAT") - 4
    size = int.from_bytes(whole[start : start + 4], "big")
    data = whole[start + 8 : start + 8 + size]
    return whole[:start] + chunk(b"IDAT", data[:100]) + b"\x00\x00\x00\x09\xfd5+<" + whole[start + 8 + 100 :]


# Files that Pillow refuses, each with another exception.
DAMAGED: list[tuple[str, Callable[[], bytes]]] = [
    ("empty.png", lambda: b""),
    ("text.jpg", lambda: b"not a picture"),
    ("cut.png", lambda: encoded("PNG")[:200]),
    ("cut.jpg", lambda: encoded("JPEG")[:300]),
    ("cut.webp", lambda: encoded("WEBP")[:40]),
    ("head.png", lambda: b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\x00\x00\x00\x05\x00")),
    ("chunk.png", damaged_chunk),
    ("huge.bmp", lambda: encoded("BMP")[:18] + (10**6).to_bytes(4, "little") * 2 + encoded("BMP")[26:]),
]


@pytest.mark.parametrize("measure", [statistics.colours, statistics.magnitude])
@pytest.mark.parametrize(("name", "content"), DAMAGED, ids=[name for name, _ in DAMAGED])
def test_a_damaged_picture_is_named(tmp_path: Path, measure: Measure, name: str, content: Callable[[], bytes]) -> None:
    write(tmp_path / "good" / "a.png", correlated(4, 4))
    (tmp_path / name).write_bytes(content())
    with pytest.raises(reverie.UsageError) as refused:
        measure(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / name} cannot be read as a picture: ")


def test_a_folder_with_the_suffix_of_a_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    with pytest.raises(reverie.UsageError, match=r"x\.png cannot be read as a picture: .*Is a directory"):
        statistics.colours(tmp_path)


def test_colours_that_lie_in_a_plane_are_refused(tmp_path: Path) -> None:
    for name, pixels in {
        "grey": np.linspace(0, 255, 48).astype(np.uint8).reshape(4, 4, 3)[..., :1].repeat(3, 2)
    }.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    with pytest.raises(reverie.UsageError, match="no colours in three directions: are they grey"):
        statistics.colours(tmp_path)


def test_a_single_pixel_has_no_axes_of_colour(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), "red").save(tmp_path / "one.png")
    with pytest.raises(reverie.UsageError, match="no colours in three directions"):
        statistics.colours(tmp_path)


def test_grey_of_16_bits_is_not_clipped(tmp_path: Path) -> None:
    levels = np.array([[0, 2**15], [2**16 - 1, 257]], np.uint16)
    Image.fromarray(levels).save(tmp_path / "grey.png")
    (found,) = statistics.pictures(tmp_path)
    np.testing.assert_allclose(found, (levels / 65535)[..., None].repeat(3, 2))
