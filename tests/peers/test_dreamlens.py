"""The presets dreamlens and maco against dreamlens 0.1.1, whose MACO is Xplique's in torch."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import dreamlens  # type: ignore[import-not-found]
import numpy as np
import pytest
import torch
from dreamlens import optimization, render
from reverie_ascent.program.parametrizations.magnitude import measured as measure_magnitude
from reverie_ascent.recipe.optimizer import Adam, Nadam
from reverie_ascent.recipe.parametrization import Fourier, Maco, Measured, Parametrization, Pixel
from reverie_ascent.recipe.transform import CropBox, Jitter, Noise, Rotate, Scale, Uniform
from reverie_proto.sizes import Size

from tests.peers.ours import a_state, as_a, ours, picture, same, updates, waves
from tests.peers.seeing import DRAWS, Seen, fills, measure, our_views, ramp

PRESET, MACO = ours("dreamlens"), ours("maco")
CONFIG, MACO_CONFIG = dreamlens.RenderConfig(), dreamlens.MacoConfig()
MACO_DEFAULTS = {name: each.default for name, each in inspect.signature(dreamlens.maco).parameters.items()}
SCALE, ROTATE = as_a(Scale, PRESET.transforms[0]), as_a(Rotate, PRESET.transforms[1])
BOX, NOISE = as_a(CropBox, MACO.transforms[0]), as_a(Noise, MACO.transforms[1])

#: Heights of both parities, and widths that are even: DreamLens has a column more for odd ones, as Lucid.
SIZES: list[Size] = [(8, 8), (16, 24), (9, 14)]

PICTURES: dict[str, tuple[Parametrization, dict[str, Any], float]] = {
    "of the preset dreamlens": (PRESET.parametrization, {}, 1.0),
    "a spectrum without colours": (Fourier(colour="none"), {"decorrelate": False}, 1.0),
    "another decay": (Fourier(decay_power=1.5, divisor=2), {"frequency_decay": 1.5, "raw_scale": 0.5}, 0.3),
    "pixels": (Pixel(), {"fft": False, "decorrelate": False}, 2.0),
    "pixels in Lucid's colours": (Pixel(colour="lucid"), {"fft": False}, 2.0),
}


def visualizer(*, normalize: bool = False) -> Any:
    """Return DreamLens for a network that gives its input back."""
    return dreamlens.FeatureVisualizer(torch.nn.Sequential(torch.nn.Identity()), quiet=True, normalize=normalize)


def numbers(shape: tuple[int, ...], seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


# ----- the picture -----


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", PICTURES)
def test_a_state_decodes_to_the_picture_of_dreamlens(name: str, size: Size) -> None:
    parametrization, options, deviation = PICTURES[name]
    (height, width), state = size, a_state(parametrization, size, deviation)
    canvas = dreamlens.FourierCanvas(height, width, **options)
    (theirs,) = canvas.parameters()
    given = np.stack([waves(state, height).real, waves(state, height).imag])[:, None] if canvas.fft else state[None]
    assert theirs.shape == given.shape
    theirs.data = torch.tensor(given, dtype=torch.float32)
    same([picture(parametrization, state, size)], [canvas.as_chw().numpy()])


def test_the_first_state_has_the_deviation_of_dreamlens() -> None:
    assert as_a(Fourier, PRESET.parametrization).deviation == pytest.approx(CONFIG.noise_std)
    assert float(dreamlens.FourierCanvas(64).spectrum_real_imag.detach().std()) == pytest.approx(0.01, rel=0.03)


def test_of_an_odd_width_dreamlens_has_one_column_more_than_we() -> None:
    assert dreamlens.FourierCanvas(8, 9).spectrum_real_imag.shape[-1] == 9 // 2 + 2
    assert a_state(PRESET.parametrization, (8, 9)).shape[-1] == 9 // 2 + 1


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (15, 32), (64, 64)], ids=str)
def test_a_phase_decodes_to_the_picture_of_dreamlens(size: Size) -> None:
    given = np.random.default_rng(1).uniform(0.1, 3, (3, size[0], size[1] // 2 + 1))
    parametrization = replace(as_a(Maco, MACO.parametrization), magnitude=Measured.of(*size, given))
    state = a_state(parametrization, size)
    theirs = dreamlens.maco_image_parametrization(given.astype(np.float32), state, (-1, 1)).numpy()
    same([picture(parametrization, state, size)], [(theirs + 1) / 2])


def test_a_magnitude_measured_in_red_green_and_blue_is_that_of_dreamlens() -> None:
    pictures = np.random.default_rng(2).random((5, 3, 16, 24))
    theirs, _ = dreamlens.init_maco_buffer((3, 16, 24), dataset=[pictures[:2], pictures[2:]], data_format="CHW")
    mine = measure_magnitude(pictures, "none").numbers.reshape(3, 16, 13)
    np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-5, atol=1e-5)


def test_we_measure_magnitudes_in_the_colours_of_the_phase_and_dreamlens_does_not() -> None:
    """It decodes a magnitude of red, green and blue as if its channels were the axes of Lucid's colours."""
    pictures = np.random.default_rng(2).random((5, 3, 16, 24))
    theirs, _ = dreamlens.init_maco_buffer((3, 16, 24), dataset=[pictures], data_format="CHW")
    mine = measure_magnitude(pictures, "lucid").numbers.reshape(3, 16, 13)
    assert not np.allclose(mine / mine.mean(), theirs.numpy() / float(theirs.mean()), rtol=0.1)
    decorrelated = dreamlens.decorrelate_colors(torch.tensor(pictures))
    np.testing.assert_allclose(mine, np.abs(np.fft.rfft2(decorrelated.numpy())).mean(0), rtol=1e-4, atol=1e-4)


# ----- the steps -----


class Plain(dreamlens.FourierCanvas):  # type: ignore[misc]
    """Pixels that are the picture, so that the gradient of the picture is that of the state."""

    def forward(self, device: Any = None) -> Any:
        """Return the pixels."""
        return self.pixels


@pytest.mark.parametrize("length", [0.01, 1.0, 30.0])
def test_the_first_updates_are_those_of_dreamlenss_loop(length: float) -> None:
    """Gradients longer than 1 are shortened; AdamW divides by their size, except for what epsilon adds."""
    start, gradient = numbers((2, 3, 8, 8))
    gradient *= length / np.linalg.norm(gradient)
    slope, canvas, found = torch.tensor(gradient, dtype=torch.float32), Plain(8, fft=False), []
    canvas.pixels.data = torch.tensor(start[None], dtype=torch.float32)
    for count in (1, 2, 3):
        config = replace(CONFIG, steps=count, transform=dreamlens.TransformConfig(transforms=lambda image: image))
        result = visualizer().maximize("0", config, canvas, lambda outputs: -(slope * outputs[0]).sum())
        found.append(result.image.pixels.detach()[0].numpy())
    same(updates(PRESET, start, gradient), found)


def test_steps_rate_decay_and_clipping_are_those_of_dreamlens() -> None:
    adam = as_a(Adam, PRESET.optimizer)
    mine = PRESET.steps, PRESET.learning_rate, adam.weight_decay, adam.clip_norm
    assert mine == pytest.approx((CONFIG.steps, CONFIG.lr, CONFIG.weight_decay, CONFIG.grad_clip))


def their_maco_updates(start: Any, gradient: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the phases of DreamLens's loop after its first steps."""
    slope, found = torch.tensor(gradient, dtype=torch.float32), []
    phase = torch.tensor(start, dtype=torch.float32)
    monkeypatch.setattr(optimization, "init_maco_buffer", lambda *args, **kw: (torch.ones(1), phase.clone()))
    monkeypatch.setattr(optimization, "maco_image_parametrization", lambda magnitude, phase, values_range: phase)
    monkeypatch.setattr(optimization, "maco_optimisation_step", lambda **kw: (slope, torch.zeros(3, 8, 8)))
    for count in (1, 2, 3):
        config = dreamlens.MacoConfig(width=8, height=8, input_shape=(3, 8, 8), steps=count)
        found.append(visualizer().maco(dreamlens.FeatureTarget.for_channel("0", 0), config).image.numpy())
    return found


#: What DreamLens's loop has: torch's momentum, as Horama's, with the epsilon of Keras, which Xplique's preset has.
THEIR_NADAM = Nadam(epsilon=1e-7, momentum_decay=4e-3)


@pytest.mark.parametrize("length", [1.0, 1e-6])
def test_the_first_updates_of_phases_are_those_of_dreamlenss_loop_but_for_the_momentum(
    length: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MACO.optimizer == replace(THEIR_NADAM, momentum_decay=1)
    start, gradient = numbers((2, 3, 8, 8))
    gradient *= length
    theirs = their_maco_updates(start, gradient, monkeypatch)
    same(updates(replace(MACO, optimizer=THEIR_NADAM), start, gradient), theirs)


def test_steps_rate_views_and_canvas_of_maco_are_those_of_dreamlens() -> None:
    assert MACO.steps == MACO_DEFAULTS["nb_steps"] == MACO_CONFIG.steps
    assert MACO.views == MACO_DEFAULTS["nb_crops"] == MACO_CONFIG.crops
    assert MACO_DEFAULTS["custom_shape"] == (MACO.canvas, MACO.canvas) == (MACO_CONFIG.height, MACO_CONFIG.width)
    assert MACO.learning_rate == MACO_CONFIG.lr


# ----- the transforms of the preset dreamlens -----


def their_views(size: Size) -> list[Seen]:
    each = CONFIG.transform
    change = visualizer().build_transforms(
        each.rotate_degrees, each.scale_max, each.scale_min, each.translate_x, each.translate_y, *size
    )
    pictures = torch.tensor(ramp(size)[None], dtype=torch.float32)
    return [measure(change(pictures)[0].numpy()) for _ in range(DRAWS)]


def test_sizes_and_turns_fill_the_range_of_dreamlenss() -> None:
    assert Rotate(Uniform(-CONFIG.transform.rotate_degrees, CONFIG.transform.rotate_degrees), "bilinear") == ROTATE
    low, high = CONFIG.transform.scale_min, CONFIG.transform.scale_max
    factor = as_a(Uniform, SCALE.factor)
    assert (factor.low, factor.high) == pytest.approx((low, high))
    for views in (our_views(PRESET.transforms, (64, 64)), their_views((64, 64))):
        fills([view.zoom for view in views], low, high, slack=5e-3)
        fills([view.turn for view in views], -15, 15, slack=0.02)


def test_dreamlens_draws_whole_degrees_and_one_of_32_sizes_and_we_any() -> None:
    theirs, mine = their_views((64, 64)), our_views(PRESET.transforms, (64, 64))
    assert len({round(view.turn) for view in theirs}) == 31
    assert max(abs(view.turn - round(view.turn)) for view in theirs) < 0.02
    assert max(abs(view.turn - round(view.turn)) for view in mine) > 0.4
    assert len({round(64 * view.zoom) for view in theirs}) <= 32 < len({round(view.zoom, 3) for view in mine})


def test_the_jitter_of_dreamlenss_icons_is_that_of_the_preset_lucid() -> None:
    _, jitter, _, _, last = ours("lucid").transforms
    pictures = torch.tensor(ramp((40, 40))[None], dtype=torch.float32)
    for each in (as_a(Jitter, jitter), as_a(Jitter, last)):
        change = render.jitter(each.px)
        theirs = [measure(change(pictures)[0].numpy()) for _ in range(DRAWS)]
        middle = (40 - each.px) // 2
        for views in (theirs, our_views([each], (40, 40), (40 - each.px, 40 - each.px))):
            assert {round(view.row - middle, 3) for view in views} == set(range(each.px + 1))


# ----- the views of the preset maco -----


def maco_step(average: float, noise: float, monkeypatch: pytest.MonkeyPatch, *, count: int = DRAWS) -> tuple[Any, Any]:
    """Return the boxes [N, (y1, x1, y2, x2)] of one of DreamLens's steps, and what the network sees of black crops."""
    boxes, seen = list[Any](), list[Any]()

    def crop(image: Any, given: Any, size: Size) -> Any:
        boxes.append(given.numpy())
        return image.sum() * 0 + torch.zeros(count, 3, *size)

    def network(crops: Any) -> Any:
        seen.append(crops.detach().numpy())
        return crops

    monkeypatch.setattr(optimization, "_crop_and_resize", crop)
    dreamlens.maco_optimisation_step(
        network,
        lambda crops: crops.sum(),
        torch.ones(3, 16, 9),
        torch.randn(3, 16, 9, requires_grad=True),
        average,
        noise,
        count,
        MACO_DEFAULTS["values_range"],
        (8, 8),
    )
    return boxes[0], seen[0]


def our_sides(step: int) -> list[float]:
    """Return the sides of our own boxes at a step of 10."""
    return [16 / (view.zoom * 128) for view in our_views([BOX], (128, 128), (16, 16), step=step)]


@pytest.mark.parametrize("step", [1, 4, 7, 10])
def test_sides_of_boxes_fall_and_spread_as_dreamlenss(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, _ = maco_step(np.linspace(0.5, 0.05, 10)[step - 1], 0.0, monkeypatch)
    theirs, mine = boxes[:, 2] - boxes[:, 0], np.array(our_sides(step))
    assert mine.mean() == pytest.approx(theirs.mean(), abs=0.012)
    assert mine.std() == pytest.approx(theirs.std(), abs=0.01)
    assert min(mine.min(), theirs.min()) >= BOX.side.low - 1e-6
    if step == 10:  # half of the last boxes are as small as they may be
        assert mine.min() == pytest.approx(theirs.min(), abs=1e-6)


def test_dreamlenss_own_schedule_goes_from_half_to_a_twentieth(monkeypatch: pytest.MonkeyPatch) -> None:
    averages: list[float] = []

    def step(*, box_average_size: Any, **kw: Any) -> tuple[Any, Any]:
        averages.append(float(box_average_size))
        return torch.zeros(3, 8, 5), torch.zeros(3, 8, 8)

    monkeypatch.setattr(optimization, "maco_optimisation_step", step)
    config = dreamlens.MacoConfig(width=8, height=8, input_shape=(3, 8, 8), steps=10)
    visualizer().maco(dreamlens.FeatureTarget.for_channel("0", 0), config)
    np.testing.assert_allclose(averages, np.linspace(BOX.side.high, BOX.side.low, 10), rtol=1e-6)


def test_centres_of_boxes_have_the_deviation_of_dreamlenss(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, _ = maco_step(0.05, 0.0, monkeypatch)
    theirs = (boxes[:, 0] + boxes[:, 2]) / 2
    mine = [(view.row + 0.5) / 128 for view in our_views([BOX], (128, 128), (16, 16), step=10)]
    for centres in (theirs, mine):
        assert np.mean(centres) == pytest.approx(0.5, abs=0.03)
        assert np.std(centres) == pytest.approx(BOX.centre_deviation, rel=0.15)


def test_a_box_of_dreamlens_may_leave_the_picture_and_ours_stays_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, _ = maco_step(0.5, 0.0, monkeypatch)
    assert boxes.min() < 0
    assert boxes.max() > 1
    for view in our_views([BOX], (128, 128), (16, 16)):
        half = 16 / view.zoom / 2
        assert half - 6 < view.row < 128 - half + 6  # the pixel in the middle is half a pixel of 6 away from it


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_noise_is_that_of_dreamlenss_function_divided_by_the_width_of_its_range(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "normal":
        monkeypatch.setattr(torch, "rand_like", lambda like: torch.full_like(like, 0.5))
    else:
        monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    low, high = MACO_DEFAULTS["values_range"]
    noise = maco_step(0.5, MACO_DEFAULTS["noise_intensity"], monkeypatch)[1] / (high - low)
    if kind == "normal":
        assert noise.std() == pytest.approx(NOISE.deviation, rel=0.02)
    else:
        fills(noise.ravel().tolist(), NOISE.low, NOISE.high, slack=1e-6)
    assert noise.mean() == pytest.approx(0, abs=NOISE.deviation / 20)


def test_the_noise_of_dreamlenss_config_is_twice_ours() -> None:
    """Its function has Xplique's range from -1 to 1 and its config 0 to 1, both the same noise."""
    low, high = MACO_CONFIG.values_range
    assert MACO_CONFIG.noise_intensity / (high - low) == pytest.approx(2 * NOISE.deviation)
