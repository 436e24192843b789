"""The preset dreamlens against torch-dreams 4.0.0, from which DreamLens has its numbers."""

from __future__ import annotations

import inspect
import random
from typing import Any

import numpy as np
import pytest
import torch
import torch_dreams  # type: ignore[import-not-found]
from reverie_ascent.recipe.optimizer import Adam
from reverie_ascent.recipe.parametrization import Fourier
from reverie_ascent.recipe.transform import Rotate, Scale, Uniform
from reverie_proto.sizes import Size
from torch_dreams.auto_image_param import AutoImageParam  # type: ignore[import-not-found]
from torchvision import transforms

from tests.peers.ours import a_state, as_a, ours, picture, same, updates, waves
from tests.peers.seeing import fills, spread

PRESET = ours("dreamlens")
SCALE, ROTATE = as_a(Scale, PRESET.transforms[0]), as_a(Rotate, PRESET.transforms[1])
DEFAULTS = {name: each.default for name, each in inspect.signature(torch_dreams.Dreamer.render).parameters.items()}
#: 1 / f^1.5 with frequencies in cycles per half a diagonal of a pixel, and no division.
THEIR_FOURIER = Fourier(decay_power=1.5, divisor=2**0.75)


def default_transforms() -> Any:
    dreamer = torch_dreams.Dreamer(torch.nn.Identity(), quiet=True, device="cpu")
    names = ("rotate_degrees", "scale_max", "scale_min", "translate_x", "translate_y")
    dreamer.get_default_transforms(*(DEFAULTS[name] for name in names))
    return dreamer.transforms.transforms


def frequencies(size: Size) -> Any:
    return np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None])


def theirs(state: Any, size: Size) -> Any:
    """Return the picture of torch-dreams of a spectrum in our layout, which it keeps without the last column."""
    spectrum = waves(state, size[0])[..., :-1]
    parameter = AutoImageParam(*size, device="cpu", standard_deviation=0.01)
    given = np.stack([spectrum.real, spectrum.imag], -1).reshape(1, 3, *size)
    assert parameter.param.shape == given.shape
    parameter.param.data = torch.tensor(given, dtype=torch.float32)
    return parameter.to_chw_tensor().numpy()


def without(state: Any, kept: Any) -> Any:
    """Return a state with the waves of some frequencies only."""
    return state * np.tile(kept, (2, 1))


# ----- the picture -----


@pytest.mark.parametrize("size", [(16, 16), (24, 64), (64, 64)], ids=str)
def test_the_fine_waves_of_a_state_make_the_picture_of_torch_dreams(size: Size) -> None:
    frequency = frequencies(size)
    fine = (np.sqrt(2) * frequency) ** 1.5 >= np.sqrt(2) / max(size)
    fine[:, -1] = False
    state = without(a_state(THEIR_FOURIER, size), fine)
    same([picture(THEIR_FOURIER, state, size)], [theirs(state, size)])


def test_torch_dreams_weakens_its_coarsest_waves_and_has_no_finest_ones_and_we_do_not() -> None:
    """Its least frequency is not raised to the power, so waves of up to 3 cycles in 64 pixels are all as strong."""
    size = (64, 64)
    coarse = (frequencies(size) > 0) & (frequencies(size) < 3 / 64)
    state = without(a_state(THEIR_FOURIER, size, 0.1), coarse)
    mine, other = (np.log(x / (1 - x)).std() for x in (picture(THEIR_FOURIER, state, size), theirs(state, size)))
    assert mine > 1.5 * other
    assert AutoImageParam(*size, device="cpu", standard_deviation=0.01).param.numel() == 3 * 64 * 2 * 32
    assert a_state(THEIR_FOURIER, size).size == 3 * 64 * 2 * 33


def test_the_preset_has_the_decay_of_dreamlens_not_that_of_torch_dreams() -> None:
    mine = as_a(Fourier, PRESET.parametrization)
    assert (mine.decay_power, mine.divisor) == (1.0, 4.0)


# ----- the steps -----


@pytest.mark.parametrize("length", [0.01, 30.0])
def test_the_first_updates_are_those_of_torch_dreams(length: float) -> None:
    size = (8, 10)
    start, gradient = np.random.default_rng(0).standard_normal((2, 3, *size))
    gradient *= length / np.linalg.norm(gradient)
    parameter = AutoImageParam(*size, device="cpu", standard_deviation=0.01)
    parameter.param.data = torch.tensor(start[None], dtype=torch.float32)
    parameter.get_optimizer(lr=DEFAULTS["lr"], weight_decay=DEFAULTS["weight_decay"])
    found = []
    for _ in range(3):
        parameter.param.grad = -torch.tensor(gradient[None], dtype=torch.float32)
        parameter.clip_grads(grad_clip=DEFAULTS["grad_clip"])
        parameter.optimizer.step()
        found.append(parameter.param.detach()[0].numpy().copy())
    same(updates(PRESET, start, gradient), found)


def test_steps_rate_decay_and_clipping_are_those_of_torch_dreams() -> None:
    adam = as_a(Adam, PRESET.optimizer)
    mine = PRESET.steps, PRESET.learning_rate, adam.weight_decay, adam.clip_norm
    assert mine == pytest.approx(tuple(DEFAULTS[name] for name in ("iters", "lr", "weight_decay", "grad_clip")))


# ----- the transforms -----


def test_turns_and_sizes_come_in_the_order_and_the_ranges_of_torch_dreams() -> None:
    affine, resize = default_transforms()
    assert Rotate(Uniform(*affine.degrees), "bilinear") == ROTATE
    factor = as_a(Uniform, SCALE.factor)
    mine = factor.low, factor.high
    assert mine == pytest.approx((resize.min_size_factor, resize.max_size_factor))
    angles = spread(
        lambda: transforms.RandomAffine.get_params(affine.degrees, affine.translate, None, None, [64, 64])[0]
    )
    fills(angles, *affine.degrees)
    sizes = spread(lambda: resize(torch.zeros(1, 3, 200, 8)).shape[2] / 200)
    fills(sizes, *mine, slack=6e-3)


def test_torch_dreams_draws_height_and_width_apart_and_we_once() -> None:
    _, resize = default_transforms()
    shapes = [tuple(resize(torch.zeros(1, 3, 100, 100)).shape[2:]) for _ in range(20)]
    assert any(abs(height - width) > 20 for height, width in shapes)
    assert not SCALE.separate


def test_torch_dreams_turns_by_the_nearest_pixel_and_we_blend() -> None:
    affine, _ = default_transforms()
    assert affine.interpolation == transforms.InterpolationMode.NEAREST
    assert ROTATE.interpolation == "bilinear"


def test_torch_dreams_shows_the_network_pictures_of_every_size_and_we_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sides: list[tuple[int, ...]] = []
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1))
    network.register_forward_pre_hook(lambda module, inputs: sides.append(tuple(inputs[0].shape[2:])))
    monkeypatch.setattr(random, "uniform", lambda a, b: b)
    torch_dreams.Dreamer(network, quiet=True, device="cpu").render([network[0]], width=40, height=40, iters=1)
    assert sides == [(48, 48)]


def test_torch_dreams_has_no_octaves_and_no_division_by_the_gradients_size() -> None:
    """So there is nothing in it that the preset deepdream could be compared with."""
    names = {name for module in (torch_dreams, torch_dreams.dreamer, torch_dreams.utils) for name in vars(module)}
    assert not {name for name in names if "octave" in name.lower() or "deepdream" in name.lower()}
