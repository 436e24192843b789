"""Every form of score against its formula in numpy, its golden numbers and its derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

import numpy as np
import pytest
from reverie_ascent.program.objectives import Activation, Form, combine, form, term
from reverie_ascent.program.objectives.table import FORMS
from reverie_ascent.recipe import Kind, Term

from tests.ascent.exact import Array, Exact, Numbers

SEED = 3

#: With positions and without, several renders, groups and views.
SHAPES = {
    "positions": Activation(3, 4, 2, 3),
    "no positions": Activation(3, 5, spatial=False),
    "a group": Activation(6, 3, 2, 2, group=3),
    "views": Activation(6, 3, 1, 4, views=3),
    "groups of views": Activation(12, 4, 2, 3, group=3, views=2),
    "a group without positions": Activation(4, 3, spatial=False, group=2, views=2),
}
OF_GROUP: tuple[Form, ...] = ("diversity", "lucent_diversity", "alignment")
CASES = [(f, name) for f in FORMS for name in SHAPES if f not in OF_GROUP or SHAPES[name].group > 1]


def cosine(x: Numbers, v: Numbers) -> float:
    return float((x * v).sum() / (np.sqrt((x**2).sum()) * np.sqrt((v**2).sum())))


def softmax(x: Numbers) -> Numbers:
    """Return the softmax over the channels [C, P]."""
    large = np.exp(x - x.max(0))
    return np.asarray(large / large.sum(0))


Given = Mapping[str, Numbers]


def lucid_cosine(x: Numbers, given: Given) -> float:
    """Lucid's _dot_cossim (optvis/objectives_util.py) with its floor."""
    v, total = given["vector"].reshape(-1), 0.0
    for point, share in zip(x.T, given["position"].reshape(-1), strict=True):
        product = point @ v
        angle = product / (1e-4 + np.sqrt((point**2).sum())) / (1e-4 + np.sqrt((v**2).sum()))
        total += share * product * max(0.1, angle) ** given["power"].item()
    return float(total)


def at_positions(value: Callable[[Numbers, Numbers], float]) -> Callable[[Numbers, Given], float]:
    """Return the weighted sum over positions of a function of x there and the vector."""

    def total(x: Numbers, given: Given) -> float:
        v, shares = given["vector"].reshape(-1), given["position"].reshape(-1)
        return float(sum(share * value(point, v) for point, share in zip(x.T, shares, strict=True)))

    return total


#: The score of one row's activation x [C, positions].
ROWS: Mapping[Form, Callable[[Numbers, Given], float]] = {
    "linear": at_positions(lambda x, v: float(x @ v)),
    "cosine": lucid_cosine,
    "squares": lambda x, given: float((x**2).mean()),
    "region": lambda x, given: float((x**2).mean(0) @ given["position"].reshape(-1)),
    "similarity": at_positions(cosine),
    "l2": lambda x, given: float(-np.sqrt(((x - given["wanted"]) ** 2).sum(0)).mean()),
    "all_cosine": lambda x, given: cosine(x, given["wanted"]),
    "dot_cosine": lambda x, given: (
        float((x * given["wanted"]).sum() / (1e-6 + np.sqrt((given["wanted"] ** 2).sum())))
        * max(0.1, cosine(x, given["wanted"])) ** given["power"].item()
    ),
    "probability": at_positions(lambda x, v: float(softmax(x[:, None])[:, 0] @ v)),
    "cross_entropy": at_positions(lambda x, v: float(np.log(softmax(x[:, None])[:, 0]) @ v)),
    "divergence": lambda x, given: (
        at_positions(lambda y, v: float(np.log(softmax(y[:, None])[:, 0]) @ v))(x, given) + given["entropy"].item()
    ),
}


def diversity(x: Numbers) -> float:
    """Lucid's diversity (optvis/objectives.py), of pictures [G, C, P]."""
    grams = [each @ each.T for each in x]
    units = [gram / np.sqrt(max((gram**2).sum(), 1e-10)) for gram in grams]
    count = len(x)
    return -float(sum((units[i] * units[j]).sum() for i in range(count) for j in range(count) if j != i)) / count


def alignment(x: Numbers, decay: float) -> float:
    """Lucid's alignment (optvis/objectives.py)."""
    total = 0.0
    for apart in (1, 2, 3, 4):
        for i in range(len(x) - apart):
            total += float(((x[i] - x[i + apart]) ** 2).mean()) / decay**apart
    return -total


def inputs(f: Form, a: Activation) -> dict[str, Array]:
    """Return the activation and all inputs of a form, random."""
    rng = np.random.default_rng(SEED)
    run = Exact(term(f, a))
    made: dict[str, Array] = {name: rng.standard_normal(shape) for name, shape in run.inputs.items()}
    if "position" in made:
        shares = rng.uniform(0, 1, made["position"].shape)
        made["position"] = shares / shares.sum(1, keepdims=True)
    for name, low, high in (("power", 0.5, 3.0), ("decay", 1.0, 3.0)):
        if name in made:
            made[name] = rng.uniform(low, high, made[name].shape)
    return made


def expected(f: Form, a: Activation, given: Mapping[str, Array]) -> Numbers:
    """Return the score of each render."""
    x = np.asarray(given["activation"]).reshape(a.batch, a.channels, a.positions)
    weight = given["weight"]
    if f in OF_GROUP:
        scores = []
        for n, render in enumerate(x.reshape(a.renders, a.group, a.views, a.channels, a.positions)):
            views = render.transpose(1, 0, 2, 3)
            each = [alignment(v, float(given["decay"][n])) if f == "alignment" else diversity(v) for v in views]
            scores.append(weight[n] * np.mean(each))
        return np.array(scores)
    rows = [
        weight[i] * ROWS[f](x[i], {k: v[i] for k, v in given.items() if k not in ("activation", "weight")})
        for i in range(a.batch)
    ]
    total: Numbers = np.array(rows).reshape(a.renders, -1).sum(1)
    return total


def test_every_form_has_a_row_in_the_table_and_an_oracle() -> None:
    assert set(get_args(Form)) == FORMS.keys() == ROWS.keys() | set(OF_GROUP)


KINDS: list[tuple[Term, Form]] = [
    (Term("channel", ""), "linear"),
    (Term("neuron", ""), "linear"),
    (Term("layer", ""), "squares"),
    (Term("layer", "", region=None), "squares"),
    (Term("direction", ""), "linear"),
    (Term("direction", "", cosine_power=1.0), "cosine"),
    (Term("cosine", ""), "similarity"),
    (Term("match", ""), "l2"),
    (Term("match", "", similarity="cosine"), "all_cosine"),
    (Term("match", "", similarity="dot_cosine"), "dot_cosine"),
    (Term("probability", ""), "probability"),
    (Term("cross_entropy", ""), "cross_entropy"),
    (Term("divergence", ""), "divergence"),
    (Term("diversity", ""), "diversity"),
    (Term("diversity", "", form="lucent"), "lucent_diversity"),
    (Term("alignment", ""), "alignment"),
]


def test_every_kind_of_term_has_a_form() -> None:
    assert {each.kind for each, _ in KINDS} == set(get_args(Kind))
    for each, wanted in KINDS:
        assert form(each) == wanted


@pytest.mark.parametrize(("f", "name"), CASES)
def test_a_score_is_its_formula(f: Form, name: str) -> None:
    a = SHAPES[name]
    given = inputs(f, a)
    score = Exact(term(f, a))(given)["score"]
    assert score.shape == (a.renders,)
    np.testing.assert_allclose(score, expected(f, a, given), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("f", "name"), CASES)
def test_the_gradient_is_the_derivative_of_the_sum_of_the_scores(f: Form, name: str) -> None:
    a = SHAPES[name]
    given, run = inputs(f, a), Exact(term(f, a))
    way = np.random.default_rng(8).standard_normal(a.shape)
    ahead, behind = (run(given | {"activation": given["activation"] + s * 1e-6 * way})["score"] for s in (1, -1))
    gradient = run(given)["activation_gradient"]
    assert gradient.shape == a.shape
    np.testing.assert_allclose(np.vdot(gradient, way), (ahead - behind).sum() / 2e-6, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(("f", "name"), CASES)
def test_the_factor_of_a_product_has_the_gradient_times_what_it_is_multiplied_by(f: Form, name: str) -> None:
    a = SHAPES[name]
    given = inputs(f, a)
    scales = np.random.default_rng(4).standard_normal(a.renders)
    plain = Exact(term(f, a))(given)["activation_gradient"]
    inner = Exact(term(f, a, inner=True))(given | {"score_gradient": scales})["activation_gradient"]
    each = np.repeat(scales, a.batch // a.renders).reshape(-1, *[1] * (len(a.shape) - 1))
    np.testing.assert_allclose(inner, plain * each, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("f", "name"), CASES)
def test_an_activation_of_zeros_has_a_finite_score_and_gradient(f: Form, name: str) -> None:
    a = SHAPES[name]
    out = Exact(term(f, a))(inputs(f, a) | {"activation": np.zeros(a.shape)})
    assert np.isfinite(out["score"]).all()
    assert np.isfinite(out["activation_gradient"]).all()


@pytest.mark.parametrize(("f", "name"), CASES)
def test_a_weight_of_zero_leaves_neither_score_nor_gradient(f: Form, name: str) -> None:
    a = SHAPES[name]
    given = inputs(f, a)
    out = Exact(term(f, a))(given | {"weight": np.zeros_like(given["weight"])})
    assert not out["score"].any()
    assert not out["activation_gradient"].any()


# ----- golden numbers -----

A = np.sin(0.7 * np.arange(300)).reshape(4, 3, 5, 5)
B = np.cos(0.3 * np.arange(300)).reshape(4, 3, 5, 5)
ROW = Activation(4, 3, 5, 5)


@pytest.mark.parametrize("f", ["diversity", "lucent_diversity"])
def test_diversity_has_its_golden_number(f: Form) -> None:
    out = Exact(term(f, Activation(4, 3, 5, 5, group=4)))({"activation": A, "weight": np.ones(1)})
    np.testing.assert_allclose(out["score"], -2.98835711, atol=1e-7)


def test_the_cosine_of_whole_activations_has_its_golden_numbers() -> None:
    feeds = {"activation": A, "wanted": B.reshape(4, 3, 25), "weight": np.ones(4)}
    found = Exact(term("all_cosine", ROW))(feeds)["score"]
    np.testing.assert_allclose(found, [0.03755134, 0.03689138, -0.01914761, -0.03438496], atol=1e-8)


def test_the_dot_product_of_caricatures_has_its_golden_numbers() -> None:
    feeds = {"activation": A, "wanted": B.reshape(4, 3, 25), "weight": np.ones(4), "power": np.zeros(4)}
    found = Exact(term("dot_cosine", ROW))(feeds)["score"]
    np.testing.assert_allclose(found, [0.22988603, 0.22413561, -0.11773111, -0.21179698], atol=1e-7)


def test_the_distance_is_the_mean_of_the_lengths_at_each_position() -> None:
    feeds = {"activation": A, "wanted": B.reshape(4, 3, 25), "weight": np.ones(4)}
    found = Exact(term("l2", ROW))(feeds)["score"]
    np.testing.assert_allclose(found, -np.linalg.norm(A - B, axis=1).mean((1, 2)), rtol=1e-9)


def test_equal_probabilities_do_not_diverge() -> None:
    chances = np.array([0.1, 0.2, 0.3, 0.4])
    a = Activation(1, 4, spatial=False)
    feeds = {"activation": np.log(chances)[None] + 5, "vector": chances[None, None], "weight": np.ones(1)}
    feeds |= {"position": np.ones((1, 1, 1)), "entropy": np.array([-(chances * np.log(chances)).sum()])}
    out = Exact(term("divergence", a))(feeds)
    np.testing.assert_allclose(out["score"], 0, atol=1e-12)
    np.testing.assert_allclose(out["activation_gradient"], 0, atol=1e-12)


# ----- products -----

PRODUCTS = [((0,),), ((0, 1),), ((0, 1, 2), (3,)), ((1, 0), (2, 3)), ((0, 1), (1, 2)), ((0, 0, 1),)]


@pytest.mark.parametrize("products", PRODUCTS, ids=str)
def test_scores_are_multiplied_and_added_up(products: tuple[tuple[int, ...], ...]) -> None:
    rng, factors = np.random.default_rng(0), sorted({i for product in products for i in product})
    scores = {i: rng.standard_normal(3) for i in factors}
    out = Exact(combine(products, 3))({f"score{i}": score for i, score in scores.items()})
    np.testing.assert_allclose(out["score"], sum(np.prod([scores[i] for i in product], axis=0) for product in products))
    for i in factors:
        slope = sum(
            np.prod([scores[n] for k, n in enumerate(product) if k != place], axis=0)
            for product in products
            for place, factor in enumerate(product)
            if factor == i
        )
        np.testing.assert_allclose(out[f"score{i}_gradient"], slope)
