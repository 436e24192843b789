"""Silent ReLUs: their redirected gradient, and that it makes a target active."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from reverie_ascent import Outcome, Result, ascend, loop
from reverie_ascent.program import BatchState, build
from reverie_ascent.program.objective import Activation
from reverie_ascent.program.redirect import STEPS, relu
from reverie_ascent.recipe import Recipe, Term
from reverie_ascent.runtime.session import Device

from tests.ascent.conftest import MakeModel
from tests.ascent.exact import Array, Exact, Numbers

SHAPES = [Activation(5, 4, 3, 2), Activation(5, 4, spatial=False)]

# The bias of all convolutions, and a layer whose units it silences on grey but not for good.
SLEEPERS = [(-0.05, "relu1_1"), (-0.1, "relu2_1"), (-0.3, "relu1_1"), (-1.0, "relu1_1")]
STEPS_MADE = 40


def redirected(x: Numbers, g: Numbers, *, redirect: bool) -> Numbers:
    """Return the gradient of one element before its ReLU, by Lucid's rule."""
    plain: Numbers = np.where(x > 0, g, 0)
    if plain.any() or not redirect:
        return plain
    return np.where((x > 0) | (g > 0), g, 0)


def elements(a: Activation) -> tuple[Numbers, Numbers]:
    """Return inputs and gradients of five elements: active, silent, silent, active without a gradient, at zero."""
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal(a.shape), rng.standard_normal(a.shape)
    x[1], x[2] = -abs(x[1]), -abs(x[2])
    g[2] = -abs(g[2])
    g[3][x[3] > 0] = 0
    x[4] = 0
    return x, g


@pytest.mark.parametrize("redirect", [False, True])
@pytest.mark.parametrize("a", SHAPES, ids=lambda a: f"{len(a.shape)} axes")
def test_only_a_fully_silent_element_is_redirected(a: Activation, redirect: bool) -> None:
    x, g = elements(a)
    out = Exact(relu(a))({"input": x, "gradient": g, "redirect": np.full(a.batch, redirect, np.float64)})
    expected = np.stack([redirected(x[i], g[i], redirect=redirect) for i in range(a.batch)])
    np.testing.assert_array_equal(out["activation"], np.maximum(x, 0))
    np.testing.assert_array_equal(out["input_gradient"], expected)
    np.testing.assert_array_equal(out["awake"] > 0, [True, False, False, False, False])


def climb(make_model: MakeModel, device: Device, bias: float, layer: str) -> Result:
    recipe = Recipe((Term("channel", layer, channel=1),), (16, 16), STEPS_MADE, 0.05, 0, transforms="none")
    *_, last = ascend(build(make_model(bias=bias), recipe, batch=1, device=device), [recipe])
    assert isinstance(last, Result)
    return last


@pytest.mark.parametrize(("bias", "layer"), SLEEPERS)
def test_a_unit_that_is_silent_on_the_initial_noise_becomes_active(
    make_model: MakeModel, device: Device, bias: float, layer: str
) -> None:
    result = climb(make_model, device, bias, layer)
    assert result.history[0] == 0
    assert result.history[STEPS] > 0
    assert result.activation > 0.3
    assert result.image.std() > 0.05
    assert result.outcome is Outcome.CONVERGED
    assert result.detail == f"All {STEPS_MADE} steps were made and the unit responds."


@pytest.mark.parametrize(("bias", "layer"), SLEEPERS)
def test_without_redirection_it_would_never_become_active(
    make_model: MakeModel, device: Device, monkeypatch: pytest.MonkeyPatch, bias: float, layer: str
) -> None:
    monkeypatch.setattr(loop, "REDIRECTED_STEPS", 0)
    result = climb(make_model, device, bias, layer)
    assert result.outcome is Outcome.DEAD_UNIT
    assert not result.history.any()


def test_redirection_ends_after_sixteen_steps(
    make_model: MakeModel, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[float] = []
    feed = BatchState.feed

    def spy(self: BatchState, arrays: Mapping[str, Array]) -> None:
        fed.extend(arrays.get("redirect", []))
        feed(self, arrays)

    monkeypatch.setattr(BatchState, "feed", spy)
    climb(make_model, device, -0.3, "relu1_1")
    assert fed == [1] * 16 + [0] * (STEPS_MADE - 16)


# A bias so low that no unit becomes active, and the layer and channel to render.
DEAD = [(-100.0, "relu1_1"), (-100.0, "relu3_1"), (-100.0, "conv2_1"), (-100.0, "logits")]


@pytest.mark.parametrize(("bias", "layer"), DEAD)
def test_a_unit_that_stays_dead_is_reported_in_a_sentence(
    make_model: MakeModel, device: Device, bias: float, layer: str
) -> None:
    result = climb(make_model, device, bias, layer)
    assert result.outcome is Outcome.DEAD_UNIT
    assert result.detail.startswith("The unit stayed silent: in none of 40 steps did it pass a gradient on")
    assert "Another seed or a layer before it may show more." in result.detail
    assert result.steps == STEPS_MADE
    assert len(result.history) == STEPS_MADE
    assert np.isfinite(result.image).all()
