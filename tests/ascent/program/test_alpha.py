"""The alpha channel: states, the random backgrounds, the gradient of what is transparent."""

from __future__ import annotations

import numpy as np
import pytest
from reverie_ascent import Result, ascend
from reverie_ascent.models.repository import Model
from reverie_ascent.program import alpha, build, program_key
from reverie_ascent.program import parametrizations as plain
from reverie_ascent.program.compose import compose, term_targets
from reverie_ascent.program.transforms import Views, stages
from reverie_ascent.random import Draws
from reverie_ascent.recipe import Recipe, Term
from reverie_ascent.recipe.parametrization import Fourier, Laplacian, Parametrization, Pixel
from reverie_ascent.recipe.transform import LUCID, Jitter, Pad, Transform
from reverie_ascent.runtime.session import Device
from reverie_ascent.targets import target_inputs

from tests.ascent.exact import Array, Exact, Numbers

SIZE = (10, 14)
KINDS = [Fourier(), Pixel(), Pixel("clamp", mean=0.5), Laplacian(2)]
TERMS = (Term("channel", "conv2_1", channel=3),)


def recipe(parametrization: Parametrization = Fourier(), **changes: object) -> Recipe:  # noqa: B008 - frozen
    values: dict[str, object] = {"transforms": (), "alpha": True} | changes
    return Recipe(TERMS, SIZE, 4, 0.05, 0, parametrization, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("parametrization", KINDS, ids=lambda kind: type(kind).__name__)
def test_a_state_is_the_colours_and_a_picture_of_one_channel(parametrization: Parametrization) -> None:
    shape = alpha.state_shape(parametrization, SIZE, 2, 3)
    state = np.random.default_rng(1).standard_normal(shape)
    whole = Exact(alpha.forward(parametrization, SIZE, 2, 3))({"state": state})["picture"]
    count = int(np.prod(plain.state_shape(parametrization, SIZE, 1, 3)))
    parts = [(3, state[..., :count]), (1, state[..., count:])]
    pictures = [
        Exact(plain.forward(parametrization, SIZE, 2, channels))(
            {"state": part.reshape(plain.state_shape(parametrization, SIZE, 2, channels))}
        )["picture"]
        for channels, part in parts
    ]
    np.testing.assert_array_equal(whole, np.concatenate(pictures, axis=1))


@pytest.mark.parametrize("parametrization", KINDS, ids=lambda kind: type(kind).__name__)
def test_the_first_colours_are_those_without_alpha(parametrization: Parametrization) -> None:
    first = alpha.initial_state(parametrization, Draws(7, 0), SIZE, 3)
    colours = plain.initial_state(parametrization, Draws(7, 0), SIZE, 3)
    np.testing.assert_array_equal(first.reshape(-1)[: colours.size], colours.reshape(-1))


@pytest.mark.parametrize("parametrization", KINDS, ids=lambda kind: type(kind).__name__)
def test_the_gradient_of_a_state_is_the_adjoint(parametrization: Parametrization) -> None:
    rng, shape = np.random.default_rng(2), alpha.state_shape(parametrization, SIZE, 2, 3)
    run = Exact(alpha.decode(parametrization, SIZE, 2, 3))
    state, way, pull = rng.uniform(0.2, 0.8, shape), rng.standard_normal(shape), rng.standard_normal((2, 4, *SIZE))

    def picture(at: Numbers) -> Numbers:
        return run({"state": at, "picture_gradient": pull})["picture"]

    slope = ((picture(state + 1e-6 * way) - picture(state - 1e-6 * way)) / 2e-6 * pull).sum()
    gradient = run({"state": state, "picture_gradient": pull})["state_gradient"]
    assert (gradient * way).sum() == pytest.approx(slope, rel=1e-6)


def test_a_view_is_the_picture_on_a_background_of_its_own() -> None:
    (stage,) = stages((), SIZE, SIZE, alpha=True)
    views = Views((stage,), 2, 3, SIZE, SIZE)
    for row in range(2):
        views.draw(row, Draws(5, 1, view=row), 1, 4)
    spectra = views.arrays["view0.background"]
    assert not np.array_equal(spectra[0], spectra[1])
    background = Exact(plain.forward(Fourier(), SIZE, 2, 3))({"state": spectra})["picture"]
    assert background.std() > 0.03
    picture = np.random.default_rng(3).uniform(size=(2, 4, *SIZE))
    run = Exact(stage.graph(2, 3))
    feeds: dict[str, Array] = {
        "picture": picture,
        "background": spectra,
        "view_gradient": np.ones((2, 3, *SIZE)),
    }
    found = run(feeds)
    opacity = picture[:, 3:]
    np.testing.assert_allclose(found["view"], picture[:, :3] * opacity + background * (1 - opacity), rtol=1e-12)
    expected = np.concatenate(
        [np.repeat(opacity, 3, axis=1), (picture[:, :3] - background).sum(axis=1, keepdims=True)], axis=1
    )
    np.testing.assert_allclose(found["picture_gradient"], expected, rtol=1e-9, atol=1e-12)
    views.set_identity(0)
    assert not views.arrays["view0.background"][0].any(), "a spectrum of zeros, which is grey"


@pytest.mark.parametrize(
    ("transforms", "views", "pictures"), [((), 1, 1), ((Pad(2), Jitter(4)), 2, 1), ((), 2, 2)], ids=str
)
def test_a_step_climbs_the_objective_times_what_is_transparent(
    tiny: Model, transforms: tuple[Transform, ...], views: int, pictures: int
) -> None:
    wanted = recipe(transforms=transforms, views=views, pictures=pictures)
    key, renders = program_key(wanted), 2
    count = renders * pictures
    shape = alpha.state_shape(wanted.parametrization, SIZE, count, 3)
    run = Exact(compose(tiny, key, renders), tiny.folder)
    feeds: dict[str, Array] = {"m": np.zeros(shape), "v": np.zeros(shape), "epsilon": np.ones((count, 1, 1, 1))}
    feeds |= dict.fromkeys(("rate", "b1", "b2"), np.zeros((count, 1, 1, 1)))
    feeds |= target_inputs(term_targets(tiny, key, renders), [wanted] * renders)
    drawn = Views(stages(transforms, SIZE, SIZE, alpha=True), count * views, 3, SIZE, SIZE)
    for row in range(count * views):
        drawn.draw(row, Draws(row, 1), 1, 4)
    feeds |= drawn.arrays
    decode = Exact(alpha.forward(wanted.parametrization, SIZE, count, 3))
    rng = np.random.default_rng(4)
    state, way = rng.standard_normal(shape), rng.standard_normal(shape)

    def climbed(at: Numbers) -> Numbers:
        opacity = decode({"state": at})["picture"][:, 3].reshape(renders, -1).mean(axis=1)
        return np.asarray(run(feeds | {"state": at})["score"] * (1 - opacity))

    gradient = run(feeds | {"state": state})["new_m"]
    slopes = (gradient * way).reshape(renders, -1).sum(axis=1)
    expected = (climbed(state + 1e-6 * way) - climbed(state - 1e-6 * way)) / 2e-6
    np.testing.assert_allclose(slopes, expected, rtol=1e-5)


@pytest.mark.parametrize("transforms", [(), LUCID], ids=["none", "lucid"])
def test_a_render_has_a_channel_more_and_its_draws_follow_from_the_seed(
    tiny: Model, device: Device, transforms: tuple[Transform, ...]
) -> None:
    wanted = recipe(transforms=transforms)
    program = build(tiny, wanted, batch=1, device=device)
    first, again = (next(each for each in ascend(program, [wanted]) if isinstance(each, Result)) for _ in range(2))
    assert first.image.shape == (4, *SIZE)
    np.testing.assert_array_equal(first.image, again.image)
    assert 0 <= first.image.min() <= first.image.max() <= 1
