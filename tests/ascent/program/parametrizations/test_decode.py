"""Decoding of states to pictures, compared with formulas in numpy, and its gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from reverie_ascent.program.parametrizations import bounds, decode, encode, initial_state, state_shape
from reverie_ascent.program.parametrizations.enlarge import enlarging
from reverie_ascent.program.parametrizations.table import PARAMETRIZATIONS
from reverie_ascent.random import Draws
from reverie_ascent.recipe.parametrization import (
    Cppn,
    Fourier,
    Laplacian,
    Maco,
    MultiResolution,
    Parametrization,
    Pixel,
)
from reverie_proto.sizes import Size

from tests.ascent.exact import Exact, Numbers
from tests.ascent.program.parametrizations.twins import BASIS, CASES, COLOUR, LAW, TWINS, Case, forward, fourier, twin

# Even, odd and prime heights and widths, a single row and a single column.
SIZES = [
    (8, 8),
    (9, 9),
    (11, 11),
    (16, 16),
    (30, 30),
    (37, 37),
    (8, 30),
    (30, 9),
    (11, 16),
    (1, 12),
    (7, 1),
    (2, 3),
]
#: One pixel is too few for a spectrum that is divided by its own deviation.
ONE = (1, 1)

# What Lucid's spectrum of 128 or 224 pixels starts with, measured: the standard deviation of the decorrelated colours.
STARTS = [(128, 0.0185), (224, 0.0199)]

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def states(case: Case, size: Size, batch: int) -> Numbers:
    shape = state_shape(case.values, size, batch)
    return np.random.default_rng(size).standard_normal(shape) * case.deviation


def test_every_parametrization_has_a_row_here_and_in_the_table() -> None:
    assert set(get_args(Parametrization)) == PARAMETRIZATIONS.keys() == TWINS.keys()
    assert {type(case.values) for case in CASES} == TWINS.keys()


@pytest.mark.parametrize("size", SIZES, ids=str)
@each_case
def test_a_picture_is_that_of_the_formulas(case: Case, size: Size) -> None:
    given = states(case, size, 2)
    pictures = forward(case.values, size, 2)({"state": given})["picture"]
    expected = np.stack([twin(case.values, state, size) for state in given])
    np.testing.assert_allclose(pictures, expected, atol=2e-6)


@pytest.mark.parametrize("case", [c for c in CASES if not isinstance(c.values, Maco)], ids=lambda case: case.name)
def test_a_picture_may_be_one_pixel(case: Case) -> None:
    given = states(case, ONE, 1)
    picture = forward(case.values, ONE)({"state": given})["picture"][0]
    np.testing.assert_allclose(picture, twin(case.values, given[0], ONE), atol=2e-6)


@pytest.mark.parametrize("size", [(8, 8), (9, 11), (16, 7), (2, 3)], ids=str)
@each_case
def test_the_backward_pass_of_a_picture_is_its_derivative(case: Case, size: Size) -> None:
    rng = np.random.default_rng(size)
    given, way = states(case, size, 1), rng.standard_normal(state_shape(case.values, size, 1))
    back = rng.standard_normal((1, 3, *size))
    run = Exact(decode(case.values, size, 1))
    ahead, behind = (run({"state": given + s * 1e-5 * way, "picture_gradient": back})["picture"] for s in (1, -1))
    gradient = run({"state": given, "picture_gradient": back})["state_gradient"]
    np.testing.assert_allclose(np.vdot(gradient, way), np.vdot(back, ahead - behind) / 2e-5, rtol=1e-6, atol=1e-9)


@each_case
def test_each_element_of_a_batch_is_decoded_alone(case: Case) -> None:
    size = (9, 14)
    given, back = states(case, size, 3), np.random.default_rng(1).standard_normal((3, 3, *size))
    together = Exact(decode(case.values, size, 3))({"state": given, "picture_gradient": back})
    run = Exact(decode(case.values, size, 1))
    for i in range(3):
        alone = run({"state": given[i : i + 1], "picture_gradient": back[i : i + 1]})
        for name, value in alone.items():
            np.testing.assert_allclose(together[name][i], value[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize(
    "values", [Fourier(), Pixel(colour="lucid"), Laplacian(2), MultiResolution((2, 5)), Cppn(2, 4)], ids=str
)
def test_pictures_of_other_networks_have_their_own_number_of_channels(values: Parametrization, channels: int) -> None:
    size = (6, 7)
    shape = state_shape(values, size, 2, channels)
    given = np.random.default_rng(0).standard_normal(shape)
    run = Exact(decode(values, size, 2, channels))
    out = run({"state": given, "picture_gradient": np.ones((2, channels, *size))})
    assert out["picture"].shape == (2, channels, *size)
    assert out["state_gradient"].shape == shape
    first = initial_state(values, Draws(0, 0), size, channels)
    assert first.shape == shape[1:]


# ----- numbers of the sources -----


def test_a_row_of_the_bicubic_matrix_is_that_of_torch() -> None:
    row = enlarging(4, 12, "cubic")[5]
    np.testing.assert_allclose(row, [-0.1111111, 0.7962963, 0.3703704, -0.0555556], atol=1e-7)


def test_a_row_of_the_bilinear_matrix_is_that_of_torch() -> None:
    np.testing.assert_allclose(enlarging(4, 12, "linear")[5], [0, 0.6666667, 0.3333333, 0], atol=1e-7)
    np.testing.assert_allclose(enlarging(4, 12, "linear")[0], [1, 0, 0, 0])


def test_the_decoder_of_direct_ascent_synthesis_has_its_golden_numbers() -> None:
    side, resolutions = 336, tuple(range(1, 336, 4))
    parts = []
    for r in resolutions:
        c, y, x = np.ogrid[:3, :r, :r]
        parts.append((0.1 * np.sin(r + c + 0.3 * y + 0.2 * x)).reshape(-1))
    state = np.concatenate(parts)[None, None, None]
    picture = forward(MultiResolution(resolutions), (side, side))({"state": state})["picture"][0]
    np.testing.assert_allclose(picture.mean((1, 2)), [0.50163166, 0.54036701, 0.54191259], atol=1e-5)
    np.testing.assert_allclose(picture[:, 100, 200], [0.54106428, 0.56477385, 0.52920023], atol=1e-5)
    np.testing.assert_allclose(picture[:, 0, 0], [0.52607888, 0.55341223, 0.53179305], atol=1e-5)


#: Of the phase sin(0.01 (131 c + 7 y + 3 x)) at 512 pixels and the power law `LAW`, by `twins.maco`: the means and
#: standard deviations of the colours, and the pixel in row 100 and column 200.
MACO_GOLDEN = {
    0: [0.51781622, 0.53502879, 0.53690744, 0.15601676, 0.13440117, 0.1244218, 0.36269599, 0.40873233, 0.43754693],
    1: [0.51781313, 0.53502335, 0.53689885, 0.15600972, 0.13439314, 0.12441022, 0.36270842, 0.40874395, 0.43755701],
}


@pytest.mark.parametrize("ddof", [0, 1])
def test_the_decoder_of_maco_has_its_golden_numbers(ddof: int) -> None:
    size = (512, 512)
    c, y, x = np.ogrid[:3, :512, :257]
    phase = np.sin(0.01 * (131 * c + 7 * y + 3 * x))
    values = Maco(LAW, ddof=1, epsilon=1e-4) if ddof else Maco(LAW)
    picture = forward(values, size)({"state": phase[None]})["picture"][0]
    np.testing.assert_allclose(picture, twin(values, phase, size), atol=1e-5)
    found = [*picture.mean((1, 2)), *picture.std((1, 2)), *picture[:, 100, 200]]
    np.testing.assert_allclose(found, MACO_GOLDEN[ddof], atol=1e-5)


@pytest.mark.parametrize(("side", "deviation"), STARTS)
def test_the_initial_noise_has_the_contrast_of_lucids(side: int, deviation: float) -> None:
    size = (side, side)
    state = initial_state(Fourier(), Draws(0, 0), size).astype(np.float64)
    picture = fourier(Fourier(), state, size)
    colours = np.linalg.solve(COLOUR, np.log(picture / (1 - picture)).reshape(3, -1))
    assert colours.std() == pytest.approx(deviation, rel=0.03)


# ----- the way back -----

INVERTIBLE: list[Parametrization] = [
    Fourier(),
    Fourier(decay_power=1.5, divisor=5.0, colour="none"),
    Fourier(colour=BASIS),
    Pixel(),
    Pixel(colour="lucid"),
    Pixel("tanh", colour=BASIS),
    Pixel("clamp"),
    Pixel("unbounded"),
]


@pytest.mark.parametrize("size", [(8, 8), (9, 11), (16, 7), (1, 5)], ids=str)
@pytest.mark.parametrize("values", INVERTIBLE, ids=str)
def test_a_picture_that_is_encoded_decodes_to_itself(values: Parametrization, size: Size) -> None:
    picture = np.random.default_rng(size).uniform(0.001, 0.999, (3, *size))
    state = encode(values, picture)
    assert state.shape == state_shape(values, size, 1)[1:]
    decoded = forward(values, size)({"state": state[None]})["picture"][0]
    np.testing.assert_allclose(decoded, picture, atol=1e-5)
    np.testing.assert_allclose(encode(values, decoded), state, atol=1e-3 if max(np.abs(state).max(), 1) > 5 else 1e-4)


def test_black_and_white_are_encoded_a_thousandth_away() -> None:
    picture = np.stack([np.zeros((4, 4)), np.ones((4, 4)), np.full((4, 4), 0.5)])
    decoded = forward(Pixel(), (4, 4))({"state": encode(Pixel(), picture)[None]})["picture"][0]
    np.testing.assert_allclose(decoded[:, 0, 0], [0.001, 0.999, 0.5], atol=1e-9)


@pytest.mark.parametrize("values", [Laplacian(), MultiResolution((1, 2)), Maco(LAW), Cppn()], ids=str)
def test_what_has_no_inverse_says_so_and_names_those_that_do(values: Parametrization) -> None:
    with pytest.raises(ValueError, match=f"{type(values).__name__} cannot start from a picture; Fourier, Pixel can"):
        encode(values, np.zeros((3, 4, 4)))


# ----- first states and bounds -----


def test_only_clamped_pixels_have_bounds() -> None:
    for case in CASES:
        clamped = isinstance(case.values, Pixel) and case.values.range == "clamp"
        assert bounds(case.values) == ((0.0, 1.0) if clamped else None)


@each_case
def test_a_first_state_depends_on_the_seed_alone(case: Case) -> None:
    size = (12, 9)
    first, again, other = (initial_state(case.values, Draws(seed, 0), size) for seed in (3, 3, 4))
    assert first.dtype == np.float32
    assert first.shape == state_shape(case.values, size, 1)[1:]
    assert first.tobytes() == again.tobytes()
    assert (first.tobytes() != other.tobytes()) == (not isinstance(case.values, MultiResolution))


FIRST: list[tuple[Parametrization, float, float]] = [
    (Fourier(), 0.0, 0.01),
    (Fourier(deviation=0.3), 0.0, 0.3),
    (Pixel(mean=0.5, deviation=0.05), 0.5, 0.05),
    (Pixel("unbounded", mean=0.5, deviation=0.5, noise="uniform"), 0.5, 0.5 / 3**0.5),
    (Laplacian(deviation=0.02), 0.0, 0.02),
    (Maco(LAW), 0.0, 1.0),
    (Maco(LAW, noise="uniform"), 0.0, np.pi / 3**0.5),
]


@pytest.mark.parametrize(("values", "mean", "deviation"), FIRST, ids=str)
def test_a_first_state_has_the_mean_and_deviation_of_its_source(
    values: Parametrization, mean: float, deviation: float
) -> None:
    state = initial_state(values, Draws(7, 0), (96, 96)).astype(np.float64)
    assert state.mean() == pytest.approx(mean, abs=0.03 * deviation)
    assert state.std() == pytest.approx(deviation, rel=0.03)


def test_uniform_first_states_stay_in_their_range() -> None:
    state = initial_state(Pixel("clamp", 0.5, 0.5, "uniform"), Draws(0, 0), (64, 64))
    assert 0 <= state.min() < 0.01
    assert 0.99 < state.max() <= 1
    clipped = initial_state(Pixel("clamp", 0.5, 2.0), Draws(0, 0), (64, 64))
    assert (clipped.min(), clipped.max()) == (0, 1)


def test_direct_ascent_synthesis_begins_with_grey() -> None:
    state = initial_state(MultiResolution((1, 4)), Draws(1, 0), (8, 8))
    assert not state.any()
    assert (forward(MultiResolution((1, 4)), (8, 8))({"state": state[None]})["picture"] == 0.5).all()


def test_a_cppn_begins_with_grey_and_random_hidden_layers() -> None:
    values = replace(Cppn(), layers=3, channels=24)
    state = initial_state(values, Draws(1, 0), (8, 8)).reshape(-1).astype(np.float64)
    first, bias, second = state[:48], state[48:72], state[72 : 72 + 24 * 48]
    assert first.std() == pytest.approx(1, rel=0.25)
    assert bias.std() == pytest.approx(0.1, rel=0.35)
    assert second.std() == pytest.approx((2 / 48) ** 0.5, rel=0.1)
    assert not state[-3 * 49 :].any()
    picture = forward(values, (8, 8))({"state": state[None, None, None]})["picture"]
    assert (picture == 0.5).all()
