"""Every transform, alone and in lists: the view is that of numpy, the gradient the exact adjoint."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from reverie_ascent.program.transforms import check
from reverie_ascent.program.transforms.pointwise import NoiseStage
from reverie_ascent.program.transforms.rotation import rotation
from reverie_ascent.program.transforms.steps import MAX_SIDE
from reverie_ascent.random import Draws
from reverie_ascent.recipe.transform import (
    LUCID,
    Blur,
    Center,
    ColourShift,
    CropBox,
    Flip,
    Jitter,
    Noise,
    OneOf,
    Pad,
    Resize,
    Roll,
    Rotate,
    Scale,
    Transform,
    Translate,
    Uniform,
)
from reverie_proto.sizes import Size

from tests.ascent.exact import Numbers
from tests.ascent.program.transforms.looking import Chosen, Look, noise
from tests.ascent.program.transforms.twins import TWINS, World, look

SMALL, LARGE = Uniform(0.8, 1.2), Uniform(0.3, 0.6)

#: Each transform alone, in every mode.
SINGLE: dict[str, Transform] = {
    "pad": Pad(3),
    "pad with black": Pad(2, value=0.0),
    "pad by reflection": Pad(4, "reflect"),
    "jitter": Jitter(4),
    "translate": Translate(-3, 5),
    "roll": Roll(30),
    "scale of a set": Scale(OneOf((0.5, 1.0, 1.7))),
    "scale of a range": Scale(SMALL, sampling="half_pixel"),
    "scale of height and width": Scale(SMALL, separate=True, sampling="align_corners"),
    "scale, bicubic": Scale(SMALL, sampling="half_pixel", interpolation="bicubic"),
    "scale, nearest": Scale(SMALL, interpolation="nearest"),
    "rotate": Rotate(Uniform(-30, 30)),
    "rotate, bilinear": Rotate(Uniform(-45, 45), "bilinear"),
    "crop box": CropBox(LARGE),
    "crop box around the middle": CropBox(Uniform(0.2, 0.5), 0.05, 0.15),
    "crop box, bicubic": CropBox(Uniform(0.05, 0.99), interpolation="bicubic"),
    "crop box, nearest": CropBox(LARGE, interpolation="nearest"),
    "center": Center((6, 20)),
    "flip": Flip(),
    "noise": Noise(0.1),
    "uniform noise": Noise(low=-0.1, high=0.2),
    "fading noise of channels": Noise(0.2, 0.0, 0.1, fading=True, per_channel=True),
    "clipped noise": Noise(0.5, clipped=True),
    "colour shift": ColourShift(),
    "inverse colour shift": ColourShift(0.5, 0.2, inverse=True),
    "blur": Blur(Uniform(0.5, 2.0), 5),
    "resize": Resize(),
    "resize to a size": Resize((7, 30), "align_corners", "bicubic"),
}

#: Lists of several stages, of pictures whose sizes change on the way.
LISTS: dict[str, tuple[Transform, ...]] = {
    "none": (),
    "two borders": (Pad(3, value=0.7), Jitter(2), Pad(2, value=0.1), Scale(SMALL), Flip()),
    "lucent": (
        Pad(12),
        Translate(0, 7),
        Scale(SMALL, sampling="align_corners"),
        Rotate(Uniform(-10, 10), "bilinear"),
        Translate(0, 3),
        Resize(),
    ),
    "rotated after scaling": (Scale(SMALL, separate=True), Rotate(Uniform(-20, 20)), Jitter(3), Center((9, 8))),
    "rotated twice": (Rotate(OneOf((5.0, -7.0))), Rotate(Uniform(-9, 9), "bilinear")),
    "rotated between colours": (ColourShift(), Rotate(Uniform(-20, 20)), Noise(0.1), Jitter(2)),
    "noise in a canvas": (Scale(SMALL), Noise(0.1), Rotate(Uniform(-9, 9)), Noise(0.05), Jitter(2), Noise(0.02)),
    "boxes and noise": (CropBox(Uniform(0.3, 0.5), 0.05, 0.15), Noise(0.08, -0.04, 0.04)),
    "rolled, noisy, clipped": (Roll(5), Center((10, 12)), Noise(high=0.2, clipped=True)),
    "blurred and resized": (Blur(Uniform(0.4, 1.0), 3), Resize((20, 20), interpolation="nearest"), Jitter(8)),
}
ALL = {name: (transform,) for name, transform in SINGLE.items()} | LISTS

#: Sizes of the picture and of what the network sees.
SIZES: list[tuple[Size, Size]] = [((12, 12), (12, 12)), ((9, 14), (9, 14)), ((16, 11), (13, 17))]
SEEDS = range(4)
STEP, STEPS = 3, 10

each_list = pytest.mark.parametrize("name", ALL)
each_size = pytest.mark.parametrize(("size", "seen"), SIZES, ids=str)


def draws(seed: int) -> tuple[Draws, Draws]:
    return Draws(seed, STEP), Draws(seed, STEP, view=1)


def expected(each: Look, transforms: tuple[Transform, ...], picture: Numbers, drawn: Draws) -> Numbers:
    """Return the view by numpy."""
    canvases = iter([stage.out for stage in each.stages if isinstance(stage, NoiseStage)])
    return look(picture, transforms, World(drawn, STEP, STEPS, each.seen, canvases))


def test_every_transform_has_a_row_here_and_an_oracle() -> None:
    assert set(get_args(Transform)) == TWINS.keys() == {type(transform) for transform in SINGLE.values()}


@each_size
@each_list
def test_a_view_is_that_of_numpy(name: str, size: Size, seen: Size) -> None:
    transforms = ALL[name]
    each, pictures = Look(transforms, size, seen), noise(size, 5)
    for seed in SEEDS:
        each.draw(*draws(seed), step=STEP, steps=STEPS)
        views = each.view(pictures)
        for picture, view, drawn in zip(pictures, views, draws(seed), strict=True):
            np.testing.assert_allclose(view, expected(each, transforms, picture, drawn), atol=2e-6)


@each_size
@each_list
def test_the_gradient_is_the_adjoint_through_all_stages(name: str, size: Size, seen: Size) -> None:
    """Lists are affine, except where they clip: there the difference of two close pictures is looked at."""
    transforms = ALL[name]
    each = Look(transforms, size, seen)
    clips = any(isinstance(t, Noise) and t.clipped for t in transforms)
    x, y = noise(size, 1), noise(seen, 2)
    way, length = (noise(size, 3) - 0.5, 1e-7) if clips else (x, 1.0)
    base = x if clips else np.zeros_like(x)
    axes = (1, 2, 3)
    for seed in SEEDS:
        each.draw(*draws(seed), step=STEP, steps=STEPS)
        there = (each.view(base + length * way) - each.view(base)) / length
        back = each.gradient(base, y)
        rtol = 1e-5 if clips else 1e-11
        np.testing.assert_allclose((there * y).sum(axes), (way * back).sum(axes), rtol=rtol)


@each_list
def test_without_transforms_the_view_is_the_picture_itself(name: str) -> None:
    for size, seen in SIZES[:2]:
        each, pictures = Look(ALL[name], size, seen), noise(size, 7)
        each.draw(*draws(1), step=STEP, steps=STEPS)
        for row in range(2):
            each.views.set_identity(row)
        expected = np.clip(pictures, 0, 1)
        np.testing.assert_allclose(each.view(pictures), expected, atol=1e-12)


@each_list
def test_without_transforms_another_size_shows_the_whole_picture_resized(name: str) -> None:
    size, seen = SIZES[2]
    each = Look(ALL[name], size, seen)
    each.draw(*draws(1), step=STEP, steps=STEPS)
    for row in range(2):
        each.views.set_identity(row)
    np.testing.assert_allclose(each.view(np.full((2, 3, *size), 0.3)), 0.3, atol=1e-6)
    ramp = np.broadcast_to(np.linspace(0, 1, size[0])[:, None], (2, 3, *size))
    view = each.view(ramp)
    assert view.shape == (2, 3, *seen)
    assert (np.diff(view, axis=2) > 0).all()
    np.testing.assert_allclose(view.mean(), 0.5, atol=0.02)


@each_list
def test_a_draw_leaves_nothing_behind(name: str) -> None:
    size, seen = SIZES[0]
    fresh, used = (Look(ALL[name], size, seen) for _ in range(2))
    for seed in range(5, 9):
        used.draw(*draws(seed), step=STEP, steps=STEPS)
    used.views.set_identity(0)
    for each in (fresh, used):
        each.draw(*draws(2), step=STEP, steps=STEPS)
    for name_of, array in fresh.views.arrays.items():
        np.testing.assert_array_equal(used.views.arrays[name_of], array)


# ----- golden numbers and ranges -----


def test_a_colour_shift_has_its_golden_number() -> None:
    each = Look((ColourShift(),), (2, 2))
    s, m = (0.3 + 1) / 2, (-0.1 + 1) / 2
    each.draw(Chosen(shares=[s] * 3 + [m] * 3), Chosen(shares=[s] * 3 + [m] * 3))
    np.testing.assert_allclose(each.view(np.full((2, 3, 2, 2), 0.25)), 0.2374647, atol=1e-7)
    back = Look((ColourShift(inverse=True),), (2, 2))
    back.draw(Chosen(shares=[s] * 3 + [m] * 3), Chosen(shares=[s] * 3 + [m] * 3))
    np.testing.assert_allclose(back.view(np.full((2, 3, 2, 2), 0.2374647)), 0.25, atol=1e-6)


def test_colours_shift_within_their_ranges() -> None:
    each = Look((ColourShift(0.5, 0.2),), (1, 1))
    black, grey = np.zeros((2, 3, 1, 1)), np.ones((2, 3, 1, 1))
    offsets, factors = [], []
    for seed in range(300):
        each.draw(*draws(seed))
        offsets.append(each.view(black))
        factors.append(np.log(each.view(grey) - offsets[-1]))
    for numbers, most in ((np.array(offsets), 0.2), (np.array(factors), 0.5)):
        assert -most <= numbers.min() < -0.95 * most
        assert 0.95 * most < numbers.max() <= most
        assert numbers.mean() == pytest.approx(0, abs=0.1 * most)


@pytest.mark.parametrize(
    ("values", "mean", "deviation"),
    [(Noise(0.2), 0.0, 0.2), (Noise(low=0.0, high=0.3), 0.15, 0.3 / 12**0.5), (Noise(0.1, -0.1, 0.1), 0.0, 0.1155)],
    ids=str,
)
def test_noise_has_its_mean_and_deviation(values: Noise, mean: float, deviation: float) -> None:
    each = Look((values,), (100, 100))
    each.draw(*draws(0))
    added = each.view(np.zeros((2, 3, 100, 100)))
    assert added.mean() == pytest.approx(mean, abs=0.005)
    assert added.std() == pytest.approx(deviation, rel=0.02)


def test_fading_noise_is_gone_at_the_last_step() -> None:
    each, size = Look((Noise(0.5, fading=True),), (40, 40)), (40, 40)
    deviations = []
    for step in (1, 5, 10):
        each.draw(*draws(0), step=step, steps=10)
        deviations.append(each.view(np.zeros((2, 3, *size))).std())
    assert deviations == pytest.approx([0.45, 0.25, 0], rel=0.03)


def test_boxes_stay_inside_and_their_sides_fall_from_large_to_small() -> None:
    box = CropBox(Uniform(0.05, 0.5), 0.05, 0.15)
    each, ramp = Look((box,), (64, 64), (32, 32)), np.zeros((2, 3, 64, 64))
    ramp[:, 0] = np.linspace(0, 1, 64)[:, None]
    for step, mean in ((1, 0.5), (6, 0.275), (11, 0.05)):
        sides = list[float]()
        for seed in range(60):
            each.draw(*draws(seed), step=step, steps=11)
            rows = each.view(ramp)[:, 0, :, 0]
            assert rows.min() >= 0
            assert rows.max() <= 1
            sides.extend((rows[:, 16] - rows[:, 15]) * 32 * 63 / 64)
        assert np.mean(sides) == pytest.approx(mean, abs=0.03)
        assert min(sides) >= 0.05 - 1e-6


def test_rolls_and_translations_take_exactly_their_values() -> None:
    spot = np.zeros((2, 3, 30, 30))
    spot[:, :, 10, 10] = 1
    for transform, wanted in ((Roll(3), range(-3, 4)), (Translate(-2, 5), range(-2, 6))):
        each, seen = Look((transform,), (30, 30)), set()
        for seed in range(150):
            each.draw(*draws(seed))
            for view in each.view(spot):
                row, column = np.unravel_index(view[0].argmax(), view[0].shape)
                seen |= {("down", int(row) - 10), ("right", int(column) - 10)}
        assert seen == {(way, by) for way in ("down", "right") for by in wanted}


def test_half_of_the_views_are_flipped() -> None:
    each, left = Look((Flip(),), (4, 4)), np.zeros((2, 3, 4, 4))
    left[..., 0] = 1
    flipped = 0
    for seed in range(300):
        each.draw(*draws(seed))
        flipped += int(each.view(left)[:, 0, 0, 3].sum())
    assert flipped == pytest.approx(300, rel=0.12)


@pytest.mark.parametrize("size", [(8, 8), (33, 20), (1, 40)], ids=str)
def test_a_blended_rotation_by_any_angle_has_room_for_all_its_parts(size: Size) -> None:
    canvas = size[0] + 1, size[1] + 1
    for angle in (*range(-180, 181, 15), *np.random.default_rng(0).uniform(-180, 180, 60).tolist()):
        rotated = rotation(angle, size, canvas, bilinear=True)
        assert rotated.there_weights is not None
        assert rotated.back_weights is not None
        assert rotated.back_weights.sum() == pytest.approx(rotated.there_weights.sum(), rel=1e-5)


# ----- what does not fit -----

REFUSED: list[tuple[tuple[Transform, ...], str]] = [
    ((Jitter(12),), "transforms[0]: a jitter of 12 px leaves nothing of a picture of 12 px"),
    ((Pad(2), Jitter(16)), "transforms[1]: a jitter of 16 px leaves nothing of a picture of 16 px"),
    ((Flip(), Scale(Uniform(0.5, 1)), Jitter(6)), "transforms[2]: a jitter of 6 px leaves nothing of a picture of 6"),
    ((Pad(12, "reflect"),), "transforms[0]: 12 px cannot be reflected of 12 px; at most 11 can"),
    ((Scale(OneOf((1.0, 400.0))),), "transforms[0]: the picture would have up to 5600 px a side there"),
    ((Pad(3000),), f"transforms[0]: the picture would have up to 6014 px a side there; at most {MAX_SIDE} are made"),
]
FITS: list[tuple[Transform, ...]] = [
    (),
    LUCID,
    (Jitter(11),),
    (Pad(11, "reflect"),),
    (Pad(2), Jitter(15)),
    (Jitter(6), Rotate(Uniform(-5, 5)), Noise(0.1), Scale(Uniform(0.5, 2))),
    (Scale(OneOf((100.0, 200.0))), Center((8, 8))),
]


@pytest.mark.parametrize(("transforms", "message"), REFUSED, ids=str)
def test_a_list_that_does_not_fit_the_picture_is_named_with_its_step(
    transforms: tuple[Transform, ...], message: str
) -> None:
    assert check(transforms, (12, 14), (12, 14)).startswith(message)


@pytest.mark.parametrize("transforms", FITS, ids=str)
def test_a_list_that_fits_has_no_sentence(transforms: tuple[Transform, ...]) -> None:
    assert check(transforms, (12, 14), (12, 14)) == ""


@pytest.mark.parametrize("name", [name for name in ALL if not name.startswith("scale")])
def test_every_list_of_this_file_fits(name: str) -> None:
    for size, seen in SIZES:
        assert check(ALL[name], size, seen) == ""
