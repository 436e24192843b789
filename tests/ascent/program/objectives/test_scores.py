"""Objectives: the score agrees with its formula, and the program's gradient is the score's derivative by the state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pytest
from reverie_ascent.models.repository import Model
from reverie_ascent.program import build, program_key
from reverie_ascent.program.compose import compose, term_targets
from reverie_ascent.program.decode import state_shape
from reverie_ascent.program.rotation import Rotations
from reverie_ascent.program.transform_sizes import TransformSizes
from reverie_ascent.program.views import Draw, Views
from reverie_ascent.recipe import Parametrization, Recipe, Term, Transforms
from reverie_ascent.runtime.session import Device
from reverie_ascent.targets import target_inputs
from tests.ascent.program.test_decode import PICTURES

from tests.ascent.exact import Array, Exact, Numbers, activation

SIZE = (10, 14)  # grids of 10, 5 and 2 by 14, 7 and 3: the middle of an odd one is not where two halves meet
DRAWS = [Draw((1, 7), 2, -9, (0, 3)), Draw((8, 0), 9, 4, (4, 1))]

VECTOR = tuple(np.random.default_rng(5).standard_normal(8).tolist())

Look: TypeAlias = Callable[[str], Numbers]


def dot(x: Numbers, vector: tuple[float, ...], power: float = 0) -> float:
    """Lucid's _dot_cossim (optvis/objectives_util.py) with its floor, a mean over all positions."""
    v = np.array(vector)
    product = np.einsum("cyx,c->yx", x, v)
    cosine = product / (1e-4 + np.sqrt((x**2).sum(0))) / (1e-4 + np.sqrt((v**2).sum()))
    return float((product * np.maximum(0.1, cosine) ** power).mean())


@dataclass(frozen=True)
class Case:
    """Terms of an objective; ``score`` computes it from the activations [C, h, w] or [C] of one picture."""

    name: str
    terms: tuple[Term, ...]
    score: Callable[[Look], float]
    parametrization: Parametrization = "fourier"
    transforms: Transforms = "none"


CASES = [
    Case("channel", (Term("channel", "conv2_1", channel=3),), lambda a: a("conv2_1")[3].mean()),
    Case("channel of a pool", (Term("channel", "pool2", channel=7),), lambda a: a("pool2")[7].mean()),
    Case("channel of a ReLU", (Term("channel", "relu2_1", channel=3),), lambda a: a("relu2_1")[3].mean()),
    Case("neuron in the middle", (Term("neuron", "conv2_1", channel=3),), lambda a: a("conv2_1")[3, 2, 3]),
    Case("neuron in an even middle", (Term("neuron", "conv3_1", channel=9),), lambda a: a("conv3_1")[9, 1, 1]),
    Case("neuron", (Term("neuron", "conv2_1", channel=1, position=(4, 1)),), lambda a: a("conv2_1")[1, 4, 1]),
    Case("layer", (Term("layer", "pool1"),), lambda a: (a("pool1") ** 2).mean()),
    Case("layer without positions", (Term("layer", "logits"),), lambda a: (a("logits") ** 2).mean()),
    Case("direction", (Term("direction", "conv2_1", vector=VECTOR),), lambda a: dot(a("conv2_1"), VECTOR)),
    Case(
        "cosine, squared",
        (Term("direction", "conv2_1", vector=VECTOR, cosine_power=2),),
        lambda a: dot(a("conv2_1"), VECTOR, 2),
    ),
    Case(
        "cosine, of a ReLU",
        (Term("direction", "relu2_1", vector=VECTOR, cosine_power=0.5),),
        lambda a: dot(a("relu2_1"), VECTOR, 0.5),
    ),
    Case("logit", (Term("channel", "logits", channel=2),), lambda a: a("logits")[2]),
    Case("weight below zero", (Term("channel", "conv3_1", -2.5, channel=4),), lambda a: -2.5 * a("conv3_1")[4].mean()),
    Case(
        "two layers",
        (Term("channel", "conv1_1", 0.5, channel=2), Term("layer", "conv3_1", -3.0)),
        lambda a: 0.5 * a("conv1_1")[2].mean() - 3 * (a("conv3_1") ** 2).mean(),
    ),
    Case(
        "two terms of one layer",
        (Term("neuron", "conv2_1", channel=0, position=(0, 0)), Term("channel", "conv2_1", -1.0, channel=5)),
        lambda a: a("conv2_1")[0, 0, 0] - a("conv2_1")[5].mean(),
    ),
    Case(
        "a layer and its ReLU",
        (Term("channel", "conv2_1", 2.0, channel=0), Term("layer", "relu2_1"), Term("channel", "logits", channel=1)),
        lambda a: 2 * a("conv2_1")[0].mean() + (a("relu2_1") ** 2).mean() + a("logits")[1],
    ),
    Case("pixels", (Term("channel", "conv3_1", channel=3),), lambda a: a("conv3_1")[3].mean(), "pixel"),
]

LUCID = [
    Case("channel", (Term("channel", "conv3_1", channel=3),), lambda a: a("conv3_1")[3].mean(), "fourier", "lucid"),
    Case("layer of pixels", (Term("layer", "relu2_1"),), lambda a: (a("relu2_1") ** 2).mean(), "pixel", "lucid"),
]


@dataclass(frozen=True)
class World:
    """A program in float64 with all constant inputs, and a state with some contrast."""

    run: Exact
    feeds: dict[str, Array]
    state: Numbers

    def score(self, state: Numbers) -> Numbers:
        return self.run(self.feeds | {"state": state})["score"]

    def gradient(self, state: Numbers) -> Numbers:
        return self.run(self.feeds | {"state": state})["new_m"]


def recipe(case: Case) -> Recipe:
    return Recipe(case.terms, SIZE, 1, 0.05, 0, case.parametrization, case.transforms)


def world(model: Model, case: Case) -> World:
    key = program_key(recipe(case))
    shape = state_shape(case.parametrization, SIZE, 2)
    state = np.random.default_rng(1).standard_normal(shape)
    feeds: dict[str, Array] = {"m": np.zeros(shape), "v": np.zeros(shape)}
    feeds |= dict.fromkeys(("rate", "b1", "b2"), np.zeros((2, 1, 1, 1)))  # m becomes the gradient
    feeds |= target_inputs(term_targets(model, key, 2), [recipe(case)] * 2)
    run = Exact(compose(model, key, 2), model.folder)
    if "redirect" in run.inputs:
        feeds["redirect"] = np.zeros(len(state))
    if case.transforms == "lucid":
        views = Views(Rotations(TransformSizes.of(SIZE)), 2)
        for element, draw in enumerate(DRAWS):
            views.draw(element, draw)
        feeds |= views.arrays
    return World(run, feeds, state)


def name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_score_is_the_formula_of_the_layers_activation(tiny: Model, case: Case) -> None:
    w = world(tiny, case)
    for state, score in zip(w.state, w.score(w.state), strict=True):
        picture = PICTURES[case.parametrization](state, SIZE)

        def look(layer: str, picture: Numbers = picture) -> Numbers:
            return np.asarray(activation(tiny, layer, picture[None])[0])

        np.testing.assert_allclose(score, case.score(look), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", [*CASES, *LUCID], ids=name)
def test_the_gradient_of_a_program_is_the_derivative_of_its_score(tiny: Model, case: Case) -> None:
    w = world(tiny, case)
    way = np.random.default_rng(2).standard_normal(w.state.shape)
    ahead, behind = (w.score(w.state + s * 1e-6 * way) for s in (1, -1))
    slopes = (w.gradient(w.state) * way).sum((1, 2, 3))
    assert (slopes != 0).all()
    np.testing.assert_allclose(slopes, (ahead - behind) / 2e-6, rtol=1e-5)


@pytest.mark.parametrize("case", [*CASES, *LUCID], ids=name)
def test_the_program_on_its_device_gives_the_same(tiny: Model, device: Device, case: Case) -> None:
    w = world(tiny, case)
    tensors = build(tiny, recipe(case), batch=2, device=device).acquire_batch()
    for element, state in enumerate(w.state.astype(np.float32)):
        tensors.put(element, {"state": state, "m": np.zeros_like(state), "v": np.zeros_like(state)})
    tensors.feed({n: a.astype(np.float32) if a.dtype.kind == "f" else a for n, a in w.feeds.items() if n not in "mv"})
    reading = tensors.step()
    np.testing.assert_allclose(reading.score, w.score(w.state), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(reading.reach, (w.gradient(w.state) ** 2).sum((1, 2, 3)), rtol=1e-2)
    np.testing.assert_allclose(reading.extent, (w.state**2).sum((1, 2, 3)), rtol=1e-4)
