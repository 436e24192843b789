"""The random transforms: forward equal to Lucid's, backward their exact adjoint, for any draw."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reverie_ascent.program.rotation import MAX_COPIES, Rotations, turned
from reverie_ascent.program.transform_sizes import ANGLES, LAST_JITTER, PAD_VALUE, SCALES, AxisSizes, TransformSizes
from reverie_ascent.program.transforms import resample, turn
from reverie_ascent.program.views import Draw, Views
from reverie_proto.sizes import Size

from tests.ascent import lucid
from tests.ascent.exact import Array, Exact, Numbers

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


class Look:
    """Both parts of the transforms, resample and turn, for one size and a batch of two."""

    def __init__(self, size: Size) -> None:
        self.sizes = TransformSizes.of(size)
        self.views = Views(Rotations(self.sizes), 2)
        self._resample, self._turn = Exact(resample(self.sizes, 2)), Exact(turn(self.sizes, 2))
        self.picture_shape = (2, 3, *size)
        self.canvas_shape = (2, 3, *self.sizes.canvas)

    def draw(self, *draws: Draw) -> None:
        for element, draw in enumerate(draws):
            self.views.draw(element, draw)

    def resample(self, picture: Numbers, back: Numbers | None = None) -> tuple[Numbers, Numbers]:
        """Return the canvas, and the gradient by the picture."""
        given = {"picture": picture, "canvas_gradient": np.zeros(self.canvas_shape) if back is None else back}
        out = self._resample(given | self._arrays("rows", "row_border", "columns", "column_border"))
        return out["canvas"], out["picture_gradient"]

    def turn(self, canvas: Numbers, back: Numbers | None = None) -> tuple[Numbers, Numbers]:
        """Return the view, and the gradient by the canvas."""
        given = {"canvas": canvas, "view_gradient": np.zeros(self.picture_shape) if back is None else back}
        out = self._turn(given | self._arrays("there", "mask", "back"))
        return out["view"], out["canvas_gradient"]

    def view(self, picture: Numbers) -> Numbers:
        return self.turn(self.resample(picture)[0])[0]

    def _arrays(self, *names: str) -> dict[str, Array]:
        return {name: self.views.arrays[name] for name in names}


@pytest.fixture(scope="module")
def looks() -> dict[Size, Look]:
    return {size: Look(size) for size in SIZES}


def noise(shape: tuple[int, ...], seed: int) -> Numbers:
    return np.random.default_rng(seed).random(shape)


@pytest.mark.parametrize("size", SIZES)
def test_a_view_is_that_of_lucids_transforms(looks: dict[Size, Look], size: Size) -> None:
    look = looks[size]
    pictures = noise(look.picture_shape, size[0])
    for draw in SEEN[size]:
        look.draw(draw, DRAWS[0])
        np.testing.assert_allclose(look.view(pictures)[0], lucid.look(pictures[0], draw), atol=1e-6, err_msg=str(draw))


def test_a_view_of_a_large_picture_has_a_black_border_at_the_smallest_scale(looks: dict[Size, Look]) -> None:
    look = looks[LARGE]
    look.draw(Draw((0, 0), 0, 0, (0, 0)), Draw((0, 0), 10, 0, (0, 0)))
    small, large = look.view(np.ones(look.picture_shape))
    for side in (small, small.transpose(0, 2, 1)):
        assert (side > 0).any((0, 2)).tolist() == [False, *[True] * (LARGE[0] - 3), False, False]
    assert (large > 0).all()


@pytest.mark.parametrize("scale", range(len(SCALES)))
def test_scaling_keeps_a_constant_picture_constant_to_its_last_pixel(looks: dict[Size, Look], scale: int) -> None:
    look = looks[SMALL]
    look.draw(Draw((0, 0), scale, 0, (0, 0)), Draw((8, 8), scale, 0, (0, 0)))
    canvas, _ = look.resample(np.full(look.picture_shape, PAD_VALUE))
    scaled = look.sizes.rows.scaled[scale]
    inset = look.sizes.rows.inset(scaled)
    inside = canvas[:, :, inset : inset + scaled, inset : inset + scaled]
    np.testing.assert_allclose(inside, PAD_VALUE)
    assert canvas.sum() == pytest.approx(inside.sum())


def test_each_element_of_a_batch_has_its_own_draw(looks: dict[Size, Look]) -> None:
    look = looks[SMALL]
    pictures = noise(look.picture_shape, 0)
    for first, second in zip(DRAWS[::4], DRAWS[1::4], strict=False):
        look.draw(first, second)
        views = look.view(pictures)
        np.testing.assert_allclose(views[0], lucid.look(pictures[0], first), atol=1e-6)
        np.testing.assert_allclose(views[1], lucid.look(pictures[1], second), atol=1e-6)


def test_the_identity_transform_shows_the_picture_itself(looks: dict[Size, Look]) -> None:
    for size, look in looks.items():
        pictures = noise(look.picture_shape, size[0])
        look.draw(DRAWS[3], DRAWS[5])
        look.views.set_identity(0)
        look.views.set_identity(1)
        np.testing.assert_array_equal(look.view(pictures), pictures)


@pytest.mark.parametrize("size", SIZES)
def test_the_backward_pass_of_pad_jitter_and_scale_is_their_adjoint(looks: dict[Size, Look], size: Size) -> None:
    look = looks[size]
    x, y = noise(look.picture_shape, 1), noise(look.canvas_shape, 2)
    for draws in zip(SEEN[size], reversed(DRAWS), strict=False):
        look.draw(*draws)
        (there, back), (nothing, _) = look.resample(x, y), look.resample(np.zeros_like(x))
        check_adjoint(there - nothing, y, x, back)


@pytest.mark.parametrize("size", SIZES)
def test_the_backward_pass_of_rotation_and_the_last_jitter_is_their_adjoint(
    looks: dict[Size, Look], size: Size
) -> None:
    look = looks[size]
    x, y = noise(look.canvas_shape, 3), noise(look.picture_shape, 4)
    x[:, :, -1] = x[:, :, :, -1] = 0
    for draws in zip(SEEN[size], reversed(DRAWS), strict=False):
        look.draw(*draws)
        there, back = look.turn(x, y)
        check_adjoint(there, y, x, back)


def check_adjoint(there: Numbers, y: Numbers, x: Numbers, back: Numbers) -> None:
    """Assert <A x, y> = <x, A' y> for each element of the batch."""
    axes = (1, 2, 3)
    np.testing.assert_allclose((there * y).sum(axes), (x * back).sum(axes), rtol=1e-12)


def test_outside_of_the_picture_a_view_shows_grey_and_outside_of_that_black(looks: dict[Size, Look]) -> None:
    look = looks[SMALL]
    look.draw(Draw((0, 0), 0, 10, (0, 0)), Draw((8, 8), 10, 0, (4, 4)))
    canvas, _ = look.resample(np.ones(look.picture_shape))
    assert set(np.unique(canvas[1])) >= {0, PAD_VALUE, 1}
    assert (canvas[:, :, -1] == 0).all()
    assert (canvas[:, :, :, -1] == 0).all()


@pytest.mark.parametrize("size", [(8, 8), (21, 21), (64, 64), (127, 127), (224, 224), (1, 64), (21, 127), (127, 8)])
def test_no_rotation_shows_a_pixel_more_often_than_there_are_tables(size: Size) -> None:
    sizes = TransformSizes.of(size)
    rows, columns = sizes.rows, sizes.columns
    for field in {(rows.field(h), columns.field(w)) for h, w in zip(rows.scaled, columns.scaled, strict=True)}:
        for angle in set(ANGLES):
            there = turned(angle, field, sizes.canvas)
            counts = np.bincount(there.reshape(-1), minlength=math.prod(sizes.canvas))[:-1]
            assert counts.max() <= MAX_COPIES


@pytest.mark.parametrize("size", [1, 2, 8, 9, 104, 105, 224, 225])
def test_every_view_lies_inside_of_its_field(size: int) -> None:
    sizes = AxisSizes(size)
    for scaled in sizes.scaled:
        for jitter in range(LAST_JITTER + 1):
            begin, first, last = sizes.window(scaled, jitter)
            assert 0 <= begin + first < begin + last <= sizes.field(scaled) < sizes.canvas
            assert last - first == min(size, scaled - LAST_JITTER)
