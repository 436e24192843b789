"""Lucid's list of transforms: forward equal to Lucid's, backward their exact adjoint, for any draw."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reverie_ascent.program.transforms.rotation import MAX_COPIES, turned
from reverie_ascent.recipe.transform import LUCID, Jitter, OneOf, Pad, Rotate, Scale
from reverie_proto.sizes import Size

from tests.ascent import lucid
from tests.ascent.lucid import ANGLES, SCALES, Draw
from tests.ascent.program.transforms.looking import Chosen, Look, noise

# Every scale with angles at the ends and between them, and both jitters likewise.
TURNS = [-10, -7, -1, 0, 1, 4, 10]
JITTERS = [((0, 0), (0, 0)), ((8, 8), (4, 4)), ((0, 8), (4, 0)), ((3, 5), (1, 2)), ((8, 1), (3, 0))]
KINDS = [(scale, angle, *JITTERS[(scale + i) % 5]) for scale in range(len(SCALES)) for i, angle in enumerate(TURNS)]
DRAWS = [Draw(jitter, scale, angle, last_jitter) for scale, angle, jitter, last_jitter in KINDS]

# At 34 pixels the scale 1.06 is one of those that float32 and float64 truncate differently. From 105 pixels on the
# smallest views are smaller than the picture, at 125 by three: they are padded with black, with the odd pixel at the
# end. All draws are tried at the smallest sizes only.
SIZES = [(8, 8), (9, 9), (34, 34), (125, 125), (8, 13), (12, 1), (125, 34)]
SMALL, LARGE = (9, 9), (125, 125)
SEEN = {size: DRAWS if max(size) < 14 else [DRAWS[i] for i in (0, 6, 23, 59, 76)] for size in SIZES}
PAD_VALUE = 0.5


@pytest.fixture(scope="module")
def looks() -> dict[Size, Look]:
    return {size: Look(LUCID, size) for size in SIZES}


def draw(look: Look, *draws: Draw) -> None:
    look.draw(*(Chosen(each.integers) for each in draws))


def test_the_list_is_lucids() -> None:
    pad, jitter, scale, rotate, last = LUCID
    assert (pad, jitter, last) == (Pad(12), Jitter(8), Jitter(4))
    assert isinstance(scale, Scale)
    assert isinstance(scale.factor, OneOf)
    assert scale.factor.values == pytest.approx(SCALES)
    assert rotate == Rotate(OneOf(tuple(ANGLES)))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_view_is_that_of_lucids_transforms(looks: dict[Size, Look], size: Size) -> None:
    look, pictures = looks[size], noise(size, size[0])
    for each in SEEN[size]:
        draw(look, each, DRAWS[0])
        np.testing.assert_allclose(look.view(pictures)[0], lucid.look(pictures[0], each), atol=1e-6, err_msg=str(each))


def test_a_view_of_a_large_picture_has_a_black_border_at_the_smallest_scale(looks: dict[Size, Look]) -> None:
    look = looks[LARGE]
    draw(look, Draw((0, 0), 0, 0, (0, 0)), Draw((0, 0), 10, 0, (0, 0)))
    small, large = look.view(np.ones((2, 3, *LARGE)))
    for side in (small, small.transpose(0, 2, 1)):
        assert (side > 0).any((0, 2)).tolist() == [False, *[True] * (LARGE[0] - 3), False, False]
    assert (large > 0).all()


@pytest.mark.parametrize("scale", range(len(SCALES)))
def test_scaling_keeps_a_constant_picture_constant_to_its_last_pixel(looks: dict[Size, Look], scale: int) -> None:
    look = looks[SMALL]
    draw(look, Draw((0, 0), scale, 0, (0, 0)), Draw((8, 8), scale, 0, (0, 0)))
    canvas = look.canvases(np.full((2, 3, *SMALL), PAD_VALUE))[1]
    scaled = int(np.float32(SCALES[scale]) * np.float32(SMALL[0] + 2 * 12 - 8))
    inset, _ = look.stages[0].out.begin((scaled, scaled))
    inside = canvas[:, :, inset : inset + scaled, inset : inset + scaled]
    np.testing.assert_allclose(inside, PAD_VALUE)
    assert canvas.sum() == pytest.approx(inside.sum())


def test_each_view_of_a_batch_has_its_own_draw(looks: dict[Size, Look]) -> None:
    look, pictures = looks[SMALL], noise(SMALL, 0)
    for first, second in zip(DRAWS[::4], DRAWS[1::4], strict=False):
        draw(look, first, second)
        views = look.view(pictures)
        np.testing.assert_allclose(views[0], lucid.look(pictures[0], first), atol=1e-6)
        np.testing.assert_allclose(views[1], lucid.look(pictures[1], second), atol=1e-6)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_backward_pass_is_the_adjoint_of_the_forward_pass(looks: dict[Size, Look], size: Size) -> None:
    look = looks[size]
    x, y = noise(size, 1), noise(size, 2)
    for draws in zip(SEEN[size], reversed(DRAWS), strict=False):
        draw(look, *draws)
        there, nothing, back = look.view(x), look.view(np.zeros_like(x)), look.gradient(x, y)
        axes = (1, 2, 3)
        np.testing.assert_allclose(((there - nothing) * y).sum(axes), (x * back).sum(axes), rtol=1e-12)


def test_outside_of_the_picture_a_view_shows_grey_and_outside_of_that_black(looks: dict[Size, Look]) -> None:
    look = looks[SMALL]
    draw(look, Draw((0, 0), 0, 10, (0, 0)), Draw((8, 8), 10, 0, (4, 4)))
    canvas = look.canvases(np.ones((2, 3, *SMALL)))[1]
    assert set(np.unique(canvas[1])) >= {0, PAD_VALUE, 1}
    assert (canvas[:, :, -1] == 0).all()
    assert (canvas[:, :, :, -1] == 0).all()


@pytest.mark.parametrize("size", [(8, 8), (21, 21), (64, 64), (127, 127), (224, 224), (1, 64), (21, 127), (127, 8)])
def test_no_rotation_shows_a_pixel_more_often_than_there_are_tables(size: Size) -> None:
    canvas = Look(LUCID, size).stages[0].out
    for field in {(canvas.rows.field(h), canvas.columns.field(w)) for h in canvas.rows.all for w in canvas.columns.all}:
        for angle in {-10, -7, -3, -1, 0, 1, 2, 5, 9, 10}:
            there = turned(angle, field, canvas.size)
            counts = np.bincount(there.reshape(-1), minlength=math.prod(canvas.size))[:-1]
            assert counts.max() <= MAX_COPIES
