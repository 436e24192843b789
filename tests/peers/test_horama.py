"""The preset horama against horama 0.3.0, whose file of magnitudes is not downloaded: tests write their own."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from horama import common, maco, maco_fv  # type: ignore[import-not-found]
from reverie_ascent.program.parametrizations.magnitude import magnitude as resized
from reverie_ascent.recipe.parametrization import Maco, Measured
from reverie_ascent.recipe.transform import CropBox, Noise
from reverie_proto.sizes import Size

from tests.peers.ours import a_state, as_a, ours, picture, same, updates
from tests.peers.seeing import DRAWS, fills, our_views, ramp

PRESET = ours("horama")
DEFAULTS = {name: each.default for name, each in inspect.signature(maco).parameters.items()}
LOW, HIGH = DEFAULTS["values_range"]
BOX, NOISE = as_a(CropBox, PRESET.transforms[0]), as_a(Noise, PRESET.transforms[1])


def measured(size: Size) -> Measured:
    """Return a magnitude that falls with the frequency, as of photographs, with random numbers on it."""
    height, width = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    random = np.random.default_rng(size).uniform(0.5, 2, (3, *frequency.shape))
    return Measured.of(height, width, random / np.maximum(frequency, 1 / max(size)))


def ours_with(magnitude: Measured) -> Maco:
    return replace(as_a(Maco, PRESET.parametrization), magnitude=magnitude)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that writes the file which Horama downloads if it is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(maco_fv, "download_url", None)

    def write(given: Measured) -> None:
        numbers = given.numbers.reshape(3, given.height, given.width // 2 + 1)
        np.save(maco_fv.MACO_SPECTRUM_FILENAME, numbers.astype(np.float32))

    return write


def step(image: Any, noise: float, count: int) -> Any:
    """Make one of Horama's steps, and return the crops of 16 px that its objective gets."""
    seen: list[Any] = []

    def objective(crops: Any) -> Any:
        seen.append(crops.detach().numpy())
        return crops.sum()

    common.optimization_step(objective, image * 1, DEFAULTS["box_size"], noise, count, 16)
    return seen[0]


def views(monkeypatch: pytest.MonkeyPatch, count: int = DRAWS) -> tuple[Any, Any, Size]:
    """Return crops that show nothing but noise, their boxes in percent, and the size at which they were cropped."""
    calls: list[tuple[Any, Size]] = []

    def crop(pictures: Any, boxes: Any, output_size: Size) -> Any:
        calls.append((boxes.numpy(), output_size))
        return pictures.sum() * 0 + torch.zeros(count, 3, *output_size)

    monkeypatch.setattr(common, "roi_align", crop)
    crops = step(torch.ones(3, 100, 100, requires_grad=True), DEFAULTS["noise"], count)
    ((boxes, size),) = calls
    return crops, boxes, size


# ----- the picture -----


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (15, 32), (64, 64)], ids=str)
def test_a_phase_decodes_to_the_picture_of_horama(write: Any, size: Size) -> None:
    given = measured(size)
    write(given)
    magnitude, phase = maco_fv.init_maco_buffer(size)
    state = a_state(ours_with(given), size)
    assert phase.shape == state.shape
    theirs = maco_fv.maco_preconditioner(magnitude, torch.tensor(state, dtype=torch.float32), (LOW, HIGH), "cpu")
    same([picture(ours_with(given), state, size)], [(theirs.numpy() - LOW) / (HIGH - LOW)])


def test_the_first_phase_has_the_deviation_of_horama(write: Any) -> None:
    write(measured((64, 64)))
    _, phase = maco_fv.init_maco_buffer((64, 64))
    assert float(phase.mean()) == pytest.approx(0, abs=0.03)
    assert float(phase.std()) == pytest.approx(1, rel=0.03)
    assert as_a(Maco, PRESET.parametrization).noise == "normal"


def test_a_magnitude_of_another_size_is_resized_in_the_order_of_frequencies_by_us_alone(write: Any) -> None:
    """Horama resizes rows as they lie in memory, where frequency 0 is an edge; only its neighbours differ."""
    given, size = measured((32, 32)), (48, 48)
    write(given)
    theirs, mine = maco_fv.init_maco_buffer(size)[0].numpy(), resized(given, size, 3)
    assert theirs.shape == mine.shape
    assert not np.allclose(theirs, mine, rtol=1e-3)
    same([mine[:, 2:22]], [theirs[:, 2:22]], 1e-4)


# ----- the steps -----


def test_the_first_updates_are_those_of_horamas_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    start, gradient = np.random.default_rng(0).standard_normal((2, 3, 8, 8))
    slope, found = torch.tensor(gradient), []
    monkeypatch.setattr(maco_fv, "init_maco_buffer", lambda *args, **kw: (torch.ones(1), torch.tensor(start)))
    monkeypatch.setattr(maco_fv, "maco_preconditioner", lambda magnitude, phase, *args: phase * 1)
    monkeypatch.setattr(maco_fv, "tqdm", iter)

    def whole(objective: Any, image: Any, *args: Any) -> tuple[Any, Any]:
        image.retain_grad()
        return -objective(image), image

    monkeypatch.setattr(maco_fv, "optimization_step", whole)
    for count in (1, 2, 3):
        phase, _ = maco(lambda image: (slope * image).sum(), total_steps=count, image_size=8, device="cpu")
        found.append(phase.detach().numpy())
    same(updates(PRESET, start, gradient), found)


def test_steps_rate_and_views_are_those_of_horama() -> None:
    mine = PRESET.steps, PRESET.learning_rate, PRESET.views
    assert mine == (DEFAULTS["total_steps"], DEFAULTS["learning_rate"], DEFAULTS["crops_per_iteration"])


def test_the_picture_is_smaller_than_horamas_because_of_the_servers_limit() -> None:
    assert (DEFAULTS["image_size"], PRESET.canvas) == (1280, 1024)


# ----- the views -----


def test_boxes_have_the_sides_that_horamas_code_draws_not_those_of_its_signature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, boxes, _ = views(monkeypatch)
    theirs = (boxes[:, 3] - boxes[:, 1]) / 100
    np.testing.assert_allclose(theirs, (boxes[:, 4] - boxes[:, 2]) / 100, atol=1e-6)
    mine = [32 / (view.zoom * 96) for view in our_views([BOX], (96, 96), (32, 32))]
    for sides in (theirs, mine):
        fills(sides, BOX.side.low, BOX.side.high)
    assert min(theirs) > DEFAULTS["box_size"][1]


def test_centres_of_boxes_have_the_deviation_of_horamas(monkeypatch: pytest.MonkeyPatch) -> None:
    _, boxes, _ = views(monkeypatch, 4000)
    for first in (1, 2):
        centres = (boxes[:, first] + boxes[:, first + 2]) / 200
        assert centres.mean() == pytest.approx(0.5, abs=0.01)
        assert centres.std() == pytest.approx(BOX.centre_deviation, rel=0.05)


def test_a_box_of_horama_may_leave_the_picture_and_ours_stays_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    _, boxes, _ = views(monkeypatch)
    assert boxes[:, 1:3].min() < 0
    assert boxes[:, 3:5].max() > 100
    for view in our_views([BOX], (96, 96), (32, 32)):
        half = 32 / view.zoom / 2
        assert half - 1 < view.row < 96 - half + 1
        assert half - 1 < view.column < 96 - half + 1


def test_horama_crops_at_twice_the_size_and_reduces_and_we_crop_at_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    crops, _, size = views(monkeypatch, 2)
    assert (size, crops.shape[2:]) == ((32, 32), (16, 16))


def test_horamas_crop_shows_the_box_that_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """So what the tests above read as boxes are boxes: the middle of a crop of the ramp is that of its box."""
    boxes: list[Any] = []
    crop = common.roi_align

    def recorded(pictures: Any, given: Any, output_size: Size) -> Any:
        boxes.append(given.numpy())
        return crop(pictures, given, output_size)

    monkeypatch.setattr(common, "roi_align", recorded)
    crops = step(torch.tensor(ramp((100, 100)), dtype=torch.float32, requires_grad=True), 0.0, 64)
    inside = [i for i, box in enumerate(boxes[0]) if box[1:].min() > 1 and box[1:].max() < 99]
    assert len(inside) > 20
    for i in inside:
        _, left, top, right, bottom = boxes[0][i]
        assert crops[i, 0].mean() == pytest.approx((top + bottom) / 2, abs=0.6)
        assert crops[i, 1].mean() == pytest.approx((left + right) / 2, abs=0.6)


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_noise_is_horamas_divided_by_the_width_of_its_range(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "normal":
        monkeypatch.setattr(torch, "rand_like", lambda like: torch.full_like(like, 0.5))
    else:
        monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    noise = views(monkeypatch, 64)[0] / (HIGH - LOW)
    if kind == "normal":
        assert noise.std() == pytest.approx(NOISE.deviation, rel=0.02)
    else:
        fills(noise.ravel().tolist(), NOISE.low, NOISE.high, slack=1e-6)
    assert noise.mean() == pytest.approx(0, abs=NOISE.deviation / 20)
