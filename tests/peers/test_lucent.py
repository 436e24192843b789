"""The presets lucent and lucid against torch-lucent 0.1.8, which has Lucid's numbers in torch."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from lucent.optvis import param, render, transform
from reverie_ascent.program.transforms.axis import scaled
from reverie_ascent.recipe.parametrization import Fourier, Parametrization, Pixel
from reverie_ascent.recipe.transform import Jitter, OneOf, Pad, Rotate, Scale, Transform, Translate
from reverie_proto.sizes import Size

from tests.ascent.exact import Array, Numbers
from tests.ascent.program.transforms.looking import ROWS, Chosen, Look
from tests.peers.ours import a_state, as_a, ours, picture, same, updates, waves
from tests.peers.seeing import DRAWS, Seen, fills, measure, our_views, ramp

PRESET = ours("lucent")
PAD, JITTER, SCALE, ROTATE, LAST_JITTER = transform.standard_transforms
#: Ours, in the same order.
BORDER, MOVE, RESIZE, TURN, LAST_MOVE = (
    as_a(Pad, PRESET.transforms[0]),
    as_a(Translate, PRESET.transforms[1]),
    as_a(Scale, PRESET.transforms[2]),
    as_a(Rotate, PRESET.transforms[3]),
    as_a(Translate, PRESET.transforms[4]),
)
FACTORS, ANGLES = as_a(OneOf, RESIZE.factor).values, as_a(OneOf, TURN.degrees).values
#: Heights of both parities, and widths that are even: Lucent has a column more for odd ones.
SIZES: list[Size] = [(8, 8), (16, 24), (9, 14)]

PICTURES: dict[str, tuple[Parametrization, dict[str, bool], float]] = {
    "of the preset lucent": (PRESET.parametrization, {}, 1.0),
    "of the preset lucid": (ours("lucid").parametrization, {}, 1.0),
    "a spectrum without colours": (Fourier(colour="none"), {"decorrelate": False}, 1.0),
    "pixels": (Pixel(), {"fft": False, "decorrelate": False}, 2.0),
    "pixels in Lucid's colours": (Pixel(colour="lucid"), {"fft": False}, 2.0),
}


def closure(function: Any) -> dict[str, Any]:
    """Return what a function that another one made remembers of its arguments."""
    return dict(inspect.getclosurevars(function).nonlocals)


def their_views(change: Any, size: Size) -> list[Seen]:
    pictures = torch.tensor(ramp(size)[None], dtype=torch.float32)
    return [measure(change(pictures)[0].numpy()) for _ in range(DRAWS)]


def our_view(transforms: tuple[Transform, ...], pictures: Array, seen: Size, draws: Chosen) -> Numbers:
    look = Look(transforms, (pictures.shape[1], pictures.shape[2]), seen)
    look.draw(draws)
    return np.asarray(look.view(np.repeat(pictures[None], ROWS, 0))[0])


# ----- the picture -----


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", PICTURES)
def test_a_state_decodes_to_the_picture_of_lucent(name: str, size: Size) -> None:
    parametrization, options, deviation = PICTURES[name]
    (height, width), state = size, a_state(parametrization, size, deviation)
    (theirs,), decode = param.image(width, height, **options)
    given = np.stack([waves(state, height).real, waves(state, height).imag], -1) if theirs.ndim == 5 else state
    assert theirs.shape[1:] == given.shape
    theirs.data[0] = torch.tensor(given)
    same([picture(parametrization, state, size)], [decode()[0].detach().numpy()])


def test_the_first_state_has_the_deviation_of_lucent() -> None:
    (spectrum,), _ = param.image(64)
    assert as_a(Fourier, PRESET.parametrization).deviation == pytest.approx(float(spectrum.detach().std()), rel=0.03)


def test_of_an_odd_width_lucent_has_one_column_more_than_we() -> None:
    (spectrum,), decode = param.image(9, 8)
    assert spectrum.shape == (1, 3, 8, 9 // 2 + 2, 2)
    assert decode().shape == (1, 3, 8, 9)
    assert a_state(PRESET.parametrization, (8, 9)).shape == (3, 2 * 8, 9 // 2 + 1)


# ----- the steps -----


def test_the_first_updates_are_those_of_lucents_loop() -> None:
    start, gradient = np.random.default_rng(0).standard_normal((2, 3, 8, 5))
    state, slope = (torch.tensor(x[None]) for x in (start, gradient))
    state.requires_grad_()
    frames = render.render_vis(
        torch.nn.Sequential(torch.nn.Identity()),
        lambda layers: -(slope * state).sum(),
        lambda: ([state], lambda: state * 1),  # a copy, because the frames share its memory
        transforms=[],
        thresholds=(1, 2, 3),
        preprocess=False,
        progress=False,
        show_image=False,
        fixed_image_size=(8, 5),
    )
    same(updates(PRESET, start, gradient), [frame[0].transpose(2, 0, 1) for frame in frames])


def test_the_number_of_steps_is_that_of_lucent() -> None:
    assert inspect.signature(render.render_vis).parameters["thresholds"].default == (PRESET.steps,)


# ----- the transforms -----


def test_the_list_of_transforms_has_lucents_numbers() -> None:
    assert closure(PAD) == {"w": 12, "mode": "constant", "constant_value": 0.5}
    assert Pad(12, "constant", 0.5) == BORDER
    assert tuple(Translate(0, closure(each)["d"] - 1) for each in (JITTER, LAST_JITTER)) == (MOVE, LAST_MOVE)
    np.testing.assert_allclose(FACTORS, closure(SCALE)["scales"], rtol=1e-6)
    assert list(ANGLES) == closure(ROTATE)["angles"]


def test_lucids_list_has_the_same_numbers_but_moves_by_one_pixel_more() -> None:
    """Lucid crops to move: see tests/ascent/lucid.py. DreamLens's copy of that is among the tests of DreamLens."""
    pad, jitter, scale, rotate, last_jitter = ours("lucid").transforms
    assert pad == BORDER
    assert as_a(Scale, scale).factor == RESIZE.factor
    assert as_a(Rotate, rotate).degrees == TURN.degrees
    assert [as_a(Jitter, each).px for each in (jitter, last_jitter)] == [MOVE.high + 1, LAST_MOVE.high + 1]


def test_the_border_is_lucents() -> None:
    given = np.random.default_rng(1).random((3, 10, 13))
    theirs = PAD(torch.tensor(given[None]))[0].numpy()
    same([our_view((BORDER,), given, (34, 37), Chosen())], [theirs])


@pytest.mark.parametrize(("move", "theirs"), [(MOVE, JITTER), (LAST_MOVE, LAST_JITTER)], ids=["first", "last"])
def test_moves_fill_the_range_of_lucents(move: Translate, theirs: Any) -> None:
    size = (40, 40)
    for views in (our_views([move], size), their_views(theirs, size)):
        # A picture that has moved by n pixels shows in its middle what was n before; kornia's n is 40 / 39 times that.
        for middles in ([view.row for view in views], [view.column for view in views]):
            fills([20 - middle for middle in middles], move.low, move.high, slack=0.2)


def test_lucents_moves_are_a_part_of_a_pixel_longer_and_ours_are_whole_pixels() -> None:
    """kornia 0.4.1 measures from corner to corner, 39 of 40 pixels, and torch's sampler from edge to edge."""
    size = (40, 40)
    theirs = {round((20 - view.row) * 39 / 40, 3) for view in their_views(JITTER, size)}
    mine = {20 - view.row for view in our_views([MOVE], size)}
    assert theirs == mine == set(range(8))


def test_sizes_fill_the_range_of_lucents() -> None:
    size = (40, 40)
    for views in (our_views([RESIZE], size), their_views(SCALE, size)):
        fills([view.zoom for view in views], 0.9, 1.1, slack=5e-3)


@pytest.mark.parametrize("size", [(40, 40), (88, 89), (152, 61)], ids=str)
@pytest.mark.parametrize("index", range(11))
def test_a_resized_picture_is_lucents(index: int, size: Size) -> None:
    given = np.random.default_rng(2).random((3, *size))
    theirs = transform.random_scale([closure(SCALE)["scales"][index]])(torch.tensor(given[None]))[0].numpy()
    height, width = (scaled(side, FACTORS[index], RESIZE.sampling) for side in size)
    # Lucent adds a black border to smaller pictures: what the height lacks before, what the width lacks after.
    before, after = (-(-max(0, side - small) // 2) for side, small in zip(size, (height, width), strict=True))
    assert theirs.shape[1:] == (height + before + after, width + before + after)
    inside = theirs[:, before : before + height, before : before + width]
    same([our_view((RESIZE,), given, (height, width), Chosen([index]))], [inside])


def test_turns_fill_the_range_of_lucents() -> None:
    size = (40, 40)
    for views in (our_views([TURN], size), their_views(ROTATE, size)):
        fills([view.turn for view in views], -10, 10)


@pytest.mark.parametrize("angle", [-10, -3, 0, 7, 10])
def test_a_turned_picture_is_lucents_but_for_a_part_of_a_pixel(angle: int) -> None:
    size = (24, 31)
    pictures = torch.tensor(ramp(size)[None], dtype=torch.float32)
    theirs = transform.random_rotate([angle])(pictures)[0].numpy()
    mine = our_view((TURN,), ramp(size), size, Chosen([ANGLES.index(angle)]))
    inside = (slice(None), slice(8, -8), slice(8, -8))  # outside of it black comes in
    np.testing.assert_allclose(mine[inside], theirs[inside], atol=0.2)
    for view in (theirs, mine):
        assert measure(view).turn == pytest.approx(angle, abs=0.01)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_the_size_stays_as_it_was_drawn_as_in_lucent_for_pictures_of_224_px(factor: float) -> None:
    """Lucent's network sees all of a larger view, ours the middle."""
    side, change = 64, transform.compose([PAD, transform.random_scale([factor])])
    whole = change(torch.tensor(ramp((side, side))[None], dtype=torch.float32))[0].numpy()
    begin = (whole.shape[1] - side) // 2
    middle = whole[:, begin : begin + side, begin : begin + side]
    mine = our_views((BORDER, replace(RESIZE, factor=OneOf((factor,)))), (side, side))[0]
    assert measure(middle).zoom == pytest.approx(factor, rel=0.02)
    assert mine.zoom == pytest.approx(factor, rel=0.02)


@pytest.mark.parametrize(("side", "seen"), [(64, range(224, 225)), (224, range(248, 274))])
def test_lucent_shows_the_network_other_sizes_and_we_the_pictures_own(side: int, seen: range) -> None:
    """Lucent enlarges small pictures to 224 px and does not resize others."""
    sides: list[tuple[int, ...]] = []
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1))
    network.register_forward_pre_hook(lambda module, inputs: sides.append(tuple(inputs[0].shape[2:])))
    render.render_vis(
        network, "0:0", lambda: param.image(side), thresholds=(3,), progress=False, preprocess=False, show_image=False
    )
    assert len(sides) == 3
    assert all(height == width and height in seen for height, width in sides)
    look = Look(PRESET.transforms, (side, side))
    assert look.stages[-1].out.size == (side, side)
