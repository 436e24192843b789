"""Optimizers: their steps are those of TensorFlow and PyTorch, and of their formulas in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import get_args

import numpy as np
import pytest
from reverie_ascent.program.optimizers import coefficients, form, idle, slots, step_graph
from reverie_ascent.program.optimizers.table import BY_KIND
from reverie_ascent.program.optimizers.table import OPTIMIZERS as TABLE
from reverie_ascent.recipe.optimizer import Adam, Nadam, Optimizer, Sgd
from reverie_ascent.runtime.session import Session, choose_device

from tests.ascent.exact import Exact, Numbers
from tests.ascent.program.optimizers.steps import OPTIMIZERS, column, course, fresh, inputs

SHAPE = (2, 3, 8, 5)
STEPS = 8

each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())


def random_ascent(seed: int = 0) -> tuple[Numbers, list[Numbers]]:
    """Return a state and the gradients of some steps, of very different sizes."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(SHAPE), [rng.standard_normal(SHAPE) * 10.0 ** rng.integers(-6, 3) for _ in range(STEPS)]


def test_every_kind_of_optimizer_has_a_method() -> None:
    assert set(TABLE) == set(get_args(Optimizer)) == {type(optimizer) for optimizer in OPTIMIZERS.values()}
    assert {form(optimizer).kind for optimizer in OPTIMIZERS.values()} == set(BY_KIND)


# ----- oracles -----


def tensorflow_adam(x: Numbers, gradients: list[Numbers], learning_rate: float, adam: Adam) -> Iterator[Numbers]:
    """Yield the state after each step, after TensorFlow's documentation of Adam."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    power1, power2 = 1.0, 1.0
    for g in gradients:
        power1, power2 = power1 * adam.beta1, power2 * adam.beta2
        m = m + (g - m) * (1 - adam.beta1)
        v = v + (g * g - v) * (1 - adam.beta2)
        x = x + learning_rate * math.sqrt(1 - power2) / (1 - power1) * m / (np.sqrt(v) + adam.epsilon)
        yield x


@pytest.mark.parametrize("adam", [Adam(), Adam(0.5, 0.9), Adam(0.8, 0.95, epsilon=0.1)])
def test_adam_makes_the_steps_of_tensorflow(adam: Adam) -> None:
    start, gradients = random_ascent()
    found = course(adam, start, gradients, 0.05)
    for state, expected in zip(found, tensorflow_adam(start, gradients, 0.05, adam), strict=True):
        np.testing.assert_allclose(state, expected, rtol=1e-6, atol=1e-7)


# States after each of three steps from START with GRADIENTS to be ascended, by torch 2.15.0 in float64:
# `test_optimizers_torch.py` compares with the torch that is there.
START = np.linspace(-1, 1, 6)
GRADIENTS = np.array(
    [
        [0.3, -2.0, 0.0, 1e-4, 5.0, -0.01],
        [-0.1, -2.0, 1e-3, 2e-4, -4.0, 0.02],
        [0.2, 1.0, 0.0, -1e-4, 3.0, 0.03],
    ]
)
TORCH: dict[str, tuple[Optimizer, float, list[list[float]]]] = {
    "NAdam(lr=1)": (
        Nadam(),
        1.0,
        [
            [0.056451756, -1.656451786, -0.200000000, 1.256346157, 1.656451789, -0.056450735],
            [-0.214317450, -2.440136142, 0.844965694, 2.219232621, 1.052699126, 0.850106188],
            [0.422613976, -2.156423899, 0.918164877, 1.844946337, 1.537013215, 1.776700171],
        ],
    ),
    "NAdam(lr=0.3, betas=(0.8, 0.95), eps=1e-3, momentum_decay=0.02)": (
        Nadam(0.8, 0.95, 1e-3, 0.02),
        0.3,
        [
            [-0.672460405, -0.928467160, -0.200000000, 0.229875581, 0.928565681, 0.701244187],
            [-0.752601657, -1.188771804, -0.060227946, 0.273029958, 0.738879468, 0.972414155],
            [-0.538150563, -1.104029625, -0.047690401, 0.258888399, 0.899457576, 1.266537472],
        ],
    ),
    "Adam(lr=0.05, eps=1e-3)": (
        Adam(epsilon=1e-3, torch_epsilon=True),
        0.05,
        [
            [-0.950166113, -0.649975012, -0.200000000, 0.204545455, 0.649990002, 0.954545455],
            [-0.930244295, -0.699950025, -0.184586164, 0.211134981, 0.652895613, 0.971761929],
            [-0.900228940, -0.725717816, -0.174058910, 0.213737421, 0.668486060, 1.004323031],
        ],
    ),
    "AdamW(lr=0.09, betas=(0.5, 0.99), weight_decay=0.1)": (
        Adam(0.5, 0.99, torch_epsilon=True, weight_decay=0.1),
        0.09,
        [
            [-0.901000003, -0.684600000, -0.198200000, 0.288191001, 0.684600000, 0.901000090],
            [-0.879447546, -0.768438599, -0.111776978, 0.380316935, 0.658549953, 0.949726434],
            [-0.817871180, -0.776393774, -0.066232558, 0.385984889, 0.681012777, 1.030199005],
        ],
    ),
    "SGD(lr=0.2, momentum=0.9)": (
        Sgd(0.9),
        0.2,
        [
            [-0.940000000, -1.000000000, -0.200000000, 0.200020000, 1.600000000, 0.998000000],
            [-0.906000000, -1.760000000, -0.199800000, 0.200078000, 1.700000000, 1.000200000],
            [-0.835400000, -2.244000000, -0.199620000, 0.200110200, 2.390000000, 1.008180000],
        ],
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_the_first_steps_are_those_of_torch(name: str) -> None:
    optimizer, learning_rate, expected = TORCH[name]
    found = course(optimizer, START.reshape(1, 1, 2, 3), [g.reshape(1, 1, 2, 3) for g in GRADIENTS], learning_rate)
    np.testing.assert_allclose([state.ravel() for state in found], expected, rtol=0, atol=1e-7)


NORMALIZED: list[tuple[Sgd, Callable[[Numbers], Numbers]]] = [
    (Sgd(), lambda g: g),
    (Sgd(normalization="mean_absolute"), lambda g: g / np.abs(g).mean()),
    (Sgd(normalization="deviation"), lambda g: g / g.std()),
]


@pytest.mark.parametrize("momentum", [0.0, 0.7])
@pytest.mark.parametrize(("sgd", "unit"), NORMALIZED, ids=lambda case: getattr(case, "normalization", ""))
def test_sgd_divides_the_gradient_of_each_picture_by_its_measure(
    sgd: Sgd, unit: Callable[[Numbers], Numbers], momentum: float
) -> None:
    start, gradients = random_ascent()
    found = course(Sgd(momentum, sgd.normalization), start, gradients, 0.3)
    for i in range(len(start)):
        x, m = start[i], np.zeros(SHAPE[1:])
        for gradient, state in zip(gradients, found, strict=True):
            m = momentum * m + unit(gradient[i])
            x = x + 0.3 * m
            np.testing.assert_allclose(state[i], x, rtol=1e-6, atol=1e-7)


def test_a_gradient_longer_than_the_limit_is_scaled_down_to_it_and_a_shorter_one_stays() -> None:
    start, gradients = random_ascent()
    long, short = 7.0, 0.3
    gradients = [np.stack([g[0] * long / np.linalg.norm(g[0]), g[1] * short / np.linalg.norm(g[1])]) for g in gradients]
    scaled = [np.stack([g[0] / long, g[1]]) for g in gradients]
    for found, expected in zip(
        course(Adam(epsilon=0.1, clip_norm=1.0), start, gradients, 0.1),
        course(Adam(epsilon=0.1), start, scaled, 0.1),
        strict=True,
    ):
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)  # divides by the length + 1e-6
        np.testing.assert_array_equal(found[1], expected[1])


# ----- what every optimizer promises -----


@each_optimizer
def test_the_gradient_is_ascended(optimizer: Optimizer) -> None:
    start, (gradient, *_) = random_ascent()
    moved = course(optimizer, start * 0, [gradient], 0.05)[0]
    assert np.sign(moved[gradient != 0]).tolist() == np.sign(gradient[gradient != 0]).tolist()


@each_optimizer
def test_an_idle_step_changes_nothing(optimizer: Optimizer) -> None:
    rng = np.random.default_rng(3)
    values = {name: np.abs(rng.standard_normal(SHAPE)) for name in ("state", *slots(form(optimizer)))}
    feeds = {**values, "gradient": rng.standard_normal(SHAPE), **inputs([idle(form(optimizer))] * 2)}
    out = Exact(step_graph(form(optimizer), SHAPE))(feeds)
    for name, value in values.items():
        np.testing.assert_array_equal(out[f"new_{name}"], value)


@each_optimizer
def test_without_a_gradient_a_fresh_state_does_not_move(optimizer: Optimizer) -> None:
    start = np.zeros(SHAPE) if isinstance(optimizer, Adam) and optimizer.weight_decay else np.ones(SHAPE)
    for state in course(optimizer, start, [np.zeros(SHAPE)] * 3, 0.5):
        np.testing.assert_array_equal(state, start)


@each_optimizer
def test_a_step_says_how_large_the_gradient_and_the_new_state_are(optimizer: Optimizer) -> None:
    start, (gradient, *_) = random_ascent()
    numbers = coefficients(optimizer, 0.1, 1)
    feeds = {**fresh(optimizer, start), "gradient": gradient, **inputs([numbers] * 2)}
    out = Exact(step_graph(form(optimizer), SHAPE))(feeds)
    np.testing.assert_allclose(out["reach"], (gradient**2).sum((1, 2, 3)))
    np.testing.assert_allclose(out["extent"], (out["new_state"] ** 2).sum((1, 2, 3)))


@each_optimizer
def test_a_state_stays_within_its_bounds_and_what_is_not_finite_is_still_seen(optimizer: Optimizer) -> None:
    start, gradients = random_ascent()
    for state in course(optimizer, np.clip(start, 0, 1), gradients, 10.0, bounds=(0.0, 1.0)):
        assert state.min() >= 0
        assert state.max() <= 1
    step = Exact(step_graph(form(optimizer), SHAPE, bounds=(0.0, 1.0)))
    broken = np.clip(start, 0, 1)
    broken[0, 0, 0, 0] = np.nan
    numbers = coefficients(optimizer, 0.1, 1)
    out = step({**fresh(optimizer, broken), "gradient": gradients[0], **inputs([numbers] * 2)})
    assert np.isfinite(out["extent"]).tolist() == [False, True]


#: Optimizers of the same form with other numbers.
OTHERS: dict[str, Optimizer] = {
    "adam": Adam(0.5, 0.9, epsilon=1e-3, torch_epsilon=True),
    "adam with both": Adam(weight_decay=0.7, clip_norm=2.0),
    "nadam": Nadam(0.5, 0.9, 1e-3, 0.1),
    "sgd with momentum": Sgd(0.2),
}


@pytest.mark.parametrize("name", OTHERS)
def test_one_program_steps_optimizers_of_the_same_form_with_numbers_of_their_own(name: str) -> None:
    pair = ((OPTIMIZERS[name], 0.05), (OTHERS[name], 1.5))
    assert form(OPTIMIZERS[name]) == form(OTHERS[name])
    start, (gradient, *_) = random_ascent()
    numbers = [coefficients(one, rate, 1) for one, rate in pair]
    feeds = {**fresh(OPTIMIZERS[name], start), "gradient": gradient, **inputs(numbers)}
    out = Exact(step_graph(form(OPTIMIZERS[name]), SHAPE))(feeds)
    for i, (one, rate) in enumerate(pair):
        alone = course(one, start[i : i + 1], [gradient[i : i + 1]], rate)[0]
        np.testing.assert_allclose(out["new_state"][i], alone[0], rtol=1e-12)


def test_what_changes_the_graph_changes_the_form_and_numbers_do_not() -> None:
    assert len({form(optimizer) for optimizer in OPTIMIZERS.values()}) == len(OPTIMIZERS) - 1  # epsilon has two places
    assert form(Adam()) == form(Adam(0.5, 0.9, epsilon=1.0, torch_epsilon=True))
    assert form(Nadam()) == form(Nadam(0.5, 0.9, 1.0, 0.1))
    assert form(Sgd(0.1)) == form(Sgd(0.9)) != form(Sgd())


# ----- float32 -----


@pytest.mark.parametrize("adam", [Adam(), Adam(0.5, 0.9)])
def test_the_default_step_is_the_formula_in_float32_to_the_last_bit(adam: Adam) -> None:
    start, gradients = random_ascent(7)[0].astype(np.float32), np.array(random_ascent(7)[1], np.float32)
    graph = step_graph(form(adam), SHAPE)
    session = Session(graph, choose_device("cpu", threads=1))
    names = ("state", "m", "v")
    tensors = [{name: session.tensor(np.zeros(SHAPE, np.float32)) for name in names} for _ in range(2)]
    x, m, v = start, np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    tensors[0]["state"].update_inplace(start)
    fed = {"gradient": session.tensor(start)} | {
        name: session.tensor(column([0, 0]).astype(np.float32)) for name in idle(form(adam))
    }
    sums = {name: session.tensor(np.zeros(2, np.float32)) for name in ("reach", "extent")}
    for t, g in enumerate(gradients, start=1):
        numbers = coefficients(adam, 0.3 / t, t)
        for name, number in numbers.items():
            fed[name].update_inplace(np.float32(column([number, number])))
        fed["gradient"].update_inplace(g)
        before, after = tensors[(t - 1) % 2], tensors[t % 2]
        session.bind(before | fed, {f"new_{name}": tensor for name, tensor in after.items()} | sums).run()
        rate, b1, b2 = (np.float32(numbers[name]) for name in ("rate", "b1", "b2"))
        m = b1 * m + (np.float32(1) - b1) * g
        v = b2 * v + (np.float32(1) - b2) * (g * g)
        x = x + rate * (m / (np.sqrt(v) + np.float32(1e-8)))
        for name, expected in zip(names, (x, m, v), strict=True):
            assert after[name].numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize("size", [1e-35, 1e-22, 1e-15, 1.0, 1e15])
@pytest.mark.parametrize("normalization", ["mean_absolute", "deviation"])
def test_a_gradient_of_any_size_is_normalized_in_float32(normalization: str, size: float) -> None:
    sgd = Sgd(normalization="deviation" if normalization == "deviation" else "mean_absolute")
    gradient = (random_ascent()[0] * size).astype(np.float32)
    out = _run_float32(sgd, gradient)
    wide = gradient.astype(np.float64)
    measure = [np.std(g) if normalization == "deviation" else np.abs(g).mean() for g in wide]
    if size < 1e-30:  # smaller than the smallest divisor
        assert np.abs(out).max() < 10
    else:
        np.testing.assert_allclose(out, wide / column([float(m) for m in measure]), rtol=1e-5)


def test_a_gradient_without_a_deviation_makes_a_finite_step() -> None:
    assert np.isfinite(_run_float32(Sgd(normalization="deviation"), np.full(SHAPE, 0.3, np.float32))).all()


def _run_float32(sgd: Sgd, gradient: np.ndarray) -> np.ndarray:
    """Return the state after a step from 0 at a learning rate of 1, by ONNX Runtime."""
    session = Session(step_graph(form(sgd), SHAPE), choose_device("cpu", threads=1))
    feeds = {"state": np.zeros(SHAPE, np.float32), "gradient": gradient, "rate": np.ones((2, 1, 1, 1), np.float32)}
    new = session.tensor(np.zeros(SHAPE, np.float32))
    sums = {name: session.tensor(np.zeros(2, np.float32)) for name in ("reach", "extent")}
    session.bind({name: session.tensor(a) for name, a in feeds.items()}, {"new_state": new} | sums).run()
    return np.array(new.numpy())
