"""Objectives: the score agrees with its formula, and the program's gradient is the score's derivative by the state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pytest
from reverie_ascent.models.repository import Model
from reverie_ascent.program import build
from reverie_ascent.recipe import Parametrization, Recipe, Term
from reverie_ascent.recipe.parametrization import Fourier, Pixel
from reverie_ascent.recipe.region import Box, Mask
from reverie_ascent.recipe.transform import LUCID, ColourShift, CropBox, Noise, Rotate, Transform, Uniform
from reverie_ascent.runtime.session import Device

from tests.ascent.exact import Numbers, activation
from tests.ascent.program.parametrizations.twins import twin
from tests.ascent.program.worlds import World, random_state, world

SIZE = (10, 14)  # grids of 10, 5 and 2 by 14, 7 and 3: the middle of an odd one is not where two halves meet

VECTOR = tuple(np.random.default_rng(5).standard_normal(8).tolist())

#: Numbers with 5 by 7 positions of 8 channels, of which the columns are cells of 0.25 and 0.75 by their centres.
WHOLE = tuple(np.random.default_rng(6).standard_normal(8 * 5 * 7).tolist())
MASK = np.repeat([[0.25] * 3 + [0.75] * 4], 5, axis=0) / (5 * (3 * 0.25 + 4 * 0.75))
CHANCES = np.array([0.1, 0.2, 0, 0.3, 0.4])
KEPT = CHANCES > 0
BOXES = (ColourShift(0.3, 0.3), CropBox(Uniform(0.3, 0.9)), Rotate(Uniform(-9, 9), "bilinear"), Noise(0.05))

Look: TypeAlias = Callable[[str], Numbers]


def dot(x: Numbers, vector: tuple[float, ...], power: float = 0) -> float:
    """Lucid's _dot_cossim (optvis/objectives_util.py) with its floor, a mean over all positions."""
    v = np.array(vector)
    product = np.einsum("cyx,c->yx", x, v)
    cosine = product / (1e-4 + np.sqrt((x**2).sum(0))) / (1e-4 + np.sqrt((v**2).sum()))
    return float((product * np.maximum(0.1, cosine) ** power).mean())


def angle(x: Numbers, y: Sequence[float]) -> float:
    return float(x @ np.array(y) / np.linalg.norm(x) / np.linalg.norm(y))


def similarity(x: Numbers, vector: tuple[float, ...]) -> float:
    """The mean of the cosines of all positions."""
    return float(np.mean([angle(point, vector) for point in x.reshape(len(x), -1).T]))


def softmax(x: Numbers) -> Numbers:
    return np.asarray(np.exp(x) / np.exp(x).sum())


@dataclass(frozen=True)
class Case:
    """Terms of an objective; ``score`` computes it from the activations [C, h, w] or [C] of one picture."""

    name: str
    terms: tuple[Term, ...]
    score: Callable[[Look], float]
    parametrization: Parametrization = Fourier()  # noqa: RUF009
    transforms: tuple[Transform, ...] = ()
    products: tuple[tuple[int, ...], ...] = ()


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
    Case("pixels", (Term("channel", "conv3_1", channel=3),), lambda a: a("conv3_1")[3].mean(), Pixel()),
    Case(
        "channel in a box",
        (Term("channel", "conv2_1", channel=3, region=Box(0, 0, 0.5, 0.4)),),
        lambda a: a("conv2_1")[3, :2, :3].mean(),
    ),
    Case(
        "layer under a mask",
        (Term("layer", "conv2_1", region=Mask(1, 2, (0.25, 0.75))),),
        lambda a: ((a("conv2_1") ** 2).mean(0) * MASK).sum(),
    ),
    Case(
        "direction in a box",
        (Term("direction", "conv2_1", vector=VECTOR, region=Box(0.5, 0.5, 1, 1)),),
        lambda a: dot(a("conv2_1")[:, 2:, 3:], VECTOR),
    ),
    Case("cosine", (Term("cosine", "conv2_1", vector=VECTOR),), lambda a: similarity(a("conv2_1"), VECTOR)),
    Case(
        "match of each position",
        (Term("match", "conv2_1", vector=VECTOR),),
        lambda a: -np.sqrt(((a("conv2_1").transpose(1, 2, 0) - VECTOR) ** 2).sum(-1)).mean(),
    ),
    Case(
        "match of a whole activation",
        (Term("match", "conv2_1", vector=WHOLE),),
        lambda a: -np.sqrt(((a("conv2_1") - np.reshape(WHOLE, (8, 5, 7))) ** 2).sum(0)).mean(),
    ),
    Case(
        "match by the angle",
        (Term("match", "conv2_1", vector=WHOLE, similarity="cosine"),),
        lambda a: angle(a("conv2_1").reshape(-1), WHOLE),
    ),
    Case(
        "match as a caricature",
        (Term("match", "conv2_1", vector=WHOLE, similarity="dot_cosine", cosine_power=2.0),),
        lambda a: (
            a("conv2_1").reshape(-1)
            @ WHOLE
            / np.linalg.norm(WHOLE)
            * max(0.1, angle(a("conv2_1").reshape(-1), WHOLE)) ** 2
        ),
    ),
    Case("probability", (Term("probability", "logits", channel=2),), lambda a: softmax(a("logits"))[2]),
    Case("cross-entropy", (Term("cross_entropy", "logits", channel=1),), lambda a: np.log(softmax(a("logits"))[1])),
    Case(
        "divergence",
        (Term("divergence", "logits", vector=(1.0, 2.0, 0.0, 3.0, 4.0)),),
        lambda a: (CHANCES[KEPT] * np.log(softmax(a("logits"))[KEPT] / CHANCES[KEPT])).sum(),
    ),
    Case(
        "product and a sum",
        (
            Term("channel", "conv2_1", 2.0, channel=3),
            Term("channel", "conv3_1", channel=1),
            Term("layer", "conv2_1", -0.5),
        ),
        lambda a: 2 * a("conv2_1")[3].mean() * a("conv3_1")[1].mean() - 0.5 * (a("conv2_1") ** 2).mean(),
        products=((0, 1),),
    ),
    Case(
        "products that share a factor",
        tuple(Term("channel", "conv3_1", channel=i) for i in range(3)),
        lambda a: a("conv3_1")[0].mean() * (a("conv3_1")[1].mean() + a("conv3_1")[2].mean()),
        products=((0, 1), (0, 2)),
    ),
    Case(
        "twenty terms",
        tuple(Term("channel", layer, 0.1 * i, channel=i) for layer in ("conv2_1", "relu3_1") for i in range(5))
        + tuple(Term("layer", "conv1_1", 0.01 * i) for i in range(10)),
        lambda a: (
            sum(0.1 * i * (a("conv2_1")[i].mean() + a("relu3_1")[i].mean()) for i in range(5))
            + 0.45 * (a("conv1_1") ** 2).mean()
        ),
    ),
]

TRANSFORMED = [
    Case("channel", (Term("channel", "conv3_1", channel=3),), lambda a: a("conv3_1")[3].mean(), Fourier(), LUCID),
    Case("layer of pixels", (Term("layer", "relu2_1"),), lambda a: (a("relu2_1") ** 2).mean(), Pixel(), LUCID),
    Case("boxes", (Term("channel", "conv2_1"),), lambda a: a("conv2_1")[0].mean(), Pixel(), BOXES),
]


def recipe(case: Case) -> Recipe:
    return Recipe(case.terms, SIZE, 1, 0.05, 0, case.parametrization, case.transforms, products=case.products)


def world_of(model: Model, case: Case) -> World:
    return world(model, recipe(case), 2)


def name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_score_is_the_formula_of_the_layers_activation(tiny: Model, case: Case) -> None:
    w, state = world_of(tiny, case), random_state(recipe(case), 2)
    for each, score in zip(state, w.score(state), strict=True):
        picture = twin(case.parametrization, each, SIZE)

        def look(layer: str, picture: Numbers = picture) -> Numbers:
            return np.asarray(activation(tiny, layer, picture[None])[0])

        np.testing.assert_allclose(score, case.score(look), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", [*CASES, *TRANSFORMED], ids=name)
def test_the_gradient_of_a_program_is_the_derivative_of_its_score(tiny: Model, case: Case) -> None:
    w, state = world_of(tiny, case), random_state(recipe(case), 2)
    way = np.random.default_rng(2).standard_normal(state.shape)
    ahead, behind = (w.score(state + s * 1e-6 * way) for s in (1, -1))
    slopes = (w.gradient(state) * way).sum((1, 2, 3))
    assert (slopes != 0).all()
    np.testing.assert_allclose(slopes, (ahead - behind) / 2e-6, rtol=1e-5)


@pytest.mark.parametrize("case", [*CASES, *TRANSFORMED], ids=name)
def test_the_program_on_its_device_gives_the_same(tiny: Model, device: Device, case: Case) -> None:
    w, state = world_of(tiny, case), random_state(recipe(case), 2)
    tensors = build(tiny, recipe(case), batch=2, device=device).acquire_batch()
    for element, each in enumerate(state.astype(np.float32)):
        tensors.put(element, {"state": each[None], "m": np.zeros_like(each[None]), "v": np.zeros_like(each[None])})
    tensors.feed(
        {n: a.astype(np.float32) if a.dtype.kind == "f" else a for n, a in w.feeds.items() if n not in ("m", "v")}
    )
    reading = tensors.step()
    np.testing.assert_allclose(reading.score, w.score(state), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(reading.reach, (w.gradient(state) ** 2).sum((1, 2, 3)), rtol=1e-2)
    np.testing.assert_allclose(reading.extent, (state**2).sum((1, 2, 3)), rtol=1e-4)
