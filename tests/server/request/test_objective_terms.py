"""Objectives in a spec: their defaults, their terms in a recipe, and what is refused.

The objectives of the first version are in test_spec.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from reverie_ascent.recipe import Term
from reverie_proto.v1 import objective_pb2
from reverie_proto.v1.visualization_pb2 import RenderImageRequest
from reverie_server import Engine, InvalidRequest, Limits
from reverie_server.request.objective_spec import COMPLETE
from reverie_server.request.objective_terms import TERM_FIELDS

from tests.server.request.test_parametrization_spec import Range, get, rows
from tests.server.request.test_spec import order, problems

CHANNEL = "channel { layer: 'pool1' channel: 2 }"
LAYER = "layer { layer: 'pool1' }"
DIVERSITY = "diversity { layer: 'pool1' }"
SIX = "[1, 2, 3, 4, 5, 6]"
VECTOR = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
#: Probabilities of the five classes.
FIVE = "[0.5, 0, 0, 0.5, 0]"
WHOLE = 6 * 16 * 16


def objective(text: str, *, pictures: int = 1) -> str:
    return f"spec {{ pictures: {pictures} objective {{ {text} }} }}"


# An objective of one picture as it is sent, and with its defaults.
COMPLETED = [
    (f"direction {{ layer: 'pool1' vector: {SIX} }}", f"direction {{ layer: 'pool1' vector: {SIX} cosine_power: 0 }}"),
    (f"cosine {{ layer: 'features.2' vector: {SIX} }}", f"cosine {{ layer: 'pool1' vector: {SIX} }}"),
    (
        f"match {{ layer: 'pool1' activation: {SIX} }}",
        f"match {{ layer: 'pool1' activation: {SIX} similarity: SIMILARITY_L2 cosine_power: 0 }}",
    ),
    ("probability { index: 3 }", "probability { layer: 'logits' index: 3 }"),
    ("probability { label: 'leaf' }", "probability { layer: 'logits' index: 3 }"),
    ("cross_entropy { label: 'ring' }", "cross_entropy { layer: 'logits' index: 0 }"),
    (
        f"divergence {{ layer: 'logits' probabilities: {FIVE} }}",
        f"divergence {{ layer: 'logits' probabilities: {FIVE} }}",
    ),
    (
        f"product {{ factors {{ {CHANNEL} }} factors {{ probability {{ index: 1 }} }} }}",
        f"product {{ factors {{ {CHANNEL} }} factors {{ probability {{ layer: 'logits' index: 1 }} }} }}",
    ),
]

# The same for a group.
OF_GROUP = [
    (
        f"interpolation {{ from {{ {CHANNEL} }} to {{ logit {{ index: 1 }} }} }}",
        f"interpolation {{ from {{ {CHANNEL} }} to {{ logit {{ layer: 'logits' index: 1 }} }} }}",
    ),
    (DIVERSITY, "diversity { layer: 'pool1' form: DIVERSITY_FORM_LUCID }"),
    ("alignment { layer: 'pool1' }", "alignment { layer: 'pool1' decay: 2 }"),
    (
        f"sum {{ terms {{ objective {{ {DIVERSITY} }} }} }}",
        "sum { terms { weight: 1 objective { diversity { layer: 'pool1' form: DIVERSITY_FORM_LUCID } } } }",
    ),
]

BOTH = [(1, *row) for row in COMPLETED] + [(3, *row) for row in OF_GROUP]


@pytest.mark.parametrize(("pictures", "asked", "completed"), BOTH)
def test_an_objective_is_filled_in(engine: Engine, pictures: int, asked: str, completed: str) -> None:
    effective = order(engine, objective(asked, pictures=pictures)).effective
    assert effective.objective == text_format.Parse(completed, objective_pb2.Objective())


# An objective of three pictures, the terms of its recipe, and those that are multiplied.
TERMS: list[tuple[str, list[Term], list[tuple[int, ...]]]] = [
    ("channel { layer: 'pool1' channel: 2 }", [Term("channel", "pool1", channel=2)], []),
    ("neuron { layer: 'pool1' channel: 2 y: 3 }", [Term("neuron", "pool1", channel=2, position=(3, 8))], []),
    (LAYER, [Term("layer", "pool1")], []),
    ("logit { label: 'dot' }", [Term("channel", "logits", channel=2)], []),
    (
        f"direction {{ layer: 'pool1' vector: {SIX} cosine_power: 2 }}",
        [Term("direction", "pool1", vector=VECTOR, cosine_power=2)],
        [],
    ),
    (f"cosine {{ layer: 'pool1' vector: {SIX} }}", [Term("cosine", "pool1", vector=VECTOR)], []),
    (f"match {{ layer: 'pool1' activation: {SIX} }}", [Term("match", "pool1", vector=VECTOR, similarity="l2")], []),
    (
        f"match {{ layer: 'pool1' activation: {SIX} similarity: SIMILARITY_DOT_COSINE cosine_power: 1 }}",
        [Term("match", "pool1", vector=VECTOR, similarity="dot_cosine", cosine_power=1)],
        [],
    ),
    ("probability { index: 3 }", [Term("probability", "logits", channel=3)], []),
    ("cross_entropy { index: 3 }", [Term("cross_entropy", "logits", channel=3)], []),
    (
        f"divergence {{ layer: 'logits' probabilities: {FIVE} }}",
        [Term("divergence", "logits", vector=(0.5, 0.0, 0.0, 0.5, 0.0))],
        [],
    ),
    (DIVERSITY, [Term("diversity", "pool1", form="lucid")], []),
    ("diversity { layer: 'pool1' form: DIVERSITY_FORM_LUCENT }", [Term("diversity", "pool1", form="lucent")], []),
    ("alignment { layer: 'pool1' decay: 3 }", [Term("alignment", "pool1", decay=3)], []),
    (
        f"sum {{ terms {{ objective {{ {LAYER} }} weight: -0.5 }} terms {{ objective {{ {DIVERSITY} }} weight: 2 }} }}",
        [Term("layer", "pool1", -0.5), Term("diversity", "pool1", 2.0)],
        [],
    ),
    (
        f"product {{ factors {{ {LAYER} }} factors {{ {CHANNEL} }} }}",
        [Term("layer", "pool1"), Term("channel", "pool1", channel=2)],
        [(0, 1)],
    ),
    # The weight of a product is that of its first factor.
    (
        f"sum {{ terms {{ objective {{ {LAYER} }} }} terms {{ weight: -2 objective {{"
        f" product {{ factors {{ {CHANNEL} }} factors {{ {LAYER} }} }} }} }} }}",
        [Term("layer", "pool1"), Term("channel", "pool1", -2.0, channel=2), Term("layer", "pool1", 1.0)],
        [(1, 2)],
    ),
    # The first picture has the first objective only, the last one the second.
    (
        f"interpolation {{ from {{ {LAYER} }} to {{ {CHANNEL} }} }}",
        [Term("layer", "pool1", (1.0, 0.5, 0.0)), Term("channel", "pool1", (0.0, 0.5, 1.0), channel=2)],
        [],
    ),
    (
        f"sum {{ terms {{ weight: 4 objective {{ interpolation {{ from {{ {LAYER} }} to {{ {CHANNEL} }} }} }} }} }}",
        [Term("layer", "pool1", (4.0, 2.0, 0.0)), Term("channel", "pool1", (0.0, 2.0, 4.0), channel=2)],
        [],
    ),
]


@pytest.mark.parametrize(("text", "terms", "products"), TERMS)
def test_an_objective_is_the_terms_of_a_recipe_and_resolves_to_itself(
    engine: Engine, text: str, terms: list[Term], products: list[tuple[int, ...]]
) -> None:
    made = order(engine, objective(text, pictures=3))
    assert list(made.recipe.terms) == terms
    assert list(made.recipe.products) == products
    again = engine.check(RenderImageRequest(spec=made.effective))
    assert (again.effective, again.digest, again.recipe) == (made.effective, made.digest, made.recipe)


def test_every_kind_has_a_row() -> None:
    kinds = {field.name for field in objective_pb2.Objective.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert {text.partition(" ")[0] for text, _, _ in TERMS} == kinds
    assert COMPLETE.keys() == kinds
    assert TERM_FIELDS.keys() == kinds - {"sum", "product", "interpolation"}


@pytest.mark.parametrize("numbers", [6, WHOLE])
def test_an_activation_is_one_number_a_channel_or_a_whole_one(engine: Engine, numbers: int) -> None:
    made = order(engine, objective(f"match {{ layer: 'pool1' activation: {list(range(numbers))} }}"))
    assert made.recipe.terms[0].vector == tuple(map(float, range(numbers)))


# ----- mistakes -----

RANGES = [
    Range("direction.cosine_power", 0, 100, 0, f"layer: 'pool1' vector: {SIX}"),
    Range(
        "match.cosine_power", 0, 100, 0, f"layer: 'pool1' activation: {SIX} similarity: SIMILARITY_DOT_COSINE"
    ),
    Range("alignment.decay", 1, 100, 2, "layer: 'pool1'"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "value"), rows(RANGES, outside=False))
def test_both_ends_of_a_range_are_accepted(engine: Engine, number: Range, value: float) -> None:
    effective = order(engine, objective(number.text(value), pictures=2)).effective
    assert get(effective.objective, number.path) == value


@pytest.mark.parametrize(("number", "value"), rows(RANGES, outside=True))
def test_a_number_outside_of_its_range_is_refused_with_the_range(engine: Engine, number: Range, value: float) -> None:
    found = problems(engine, objective(number.text(value), pictures=2), InvalidRequest)
    assert list(found) == [f"spec.objective.{number.path}"]
    assert f" is not in {number.low}..{number.high}" in found[f"spec.objective.{number.path}"]


# Vectors: where they are, and the siblings that are required.
VECTORS = [
    ("direction", "vector", "pool1", 6),
    ("cosine", "vector", "pool1", 6),
    ("divergence", "probabilities", "logits", 5),
    ("divergence", "probabilities", "pool1", 6),
]


@pytest.mark.parametrize(("kind", "name", "layer", "channels"), VECTORS)
def test_a_vector_has_a_finite_number_for_each_channel(
    engine: Engine, kind: str, name: str, layer: str, channels: int
) -> None:
    def found(numbers: list[object]) -> str:
        text = f"{kind} {{ layer: '{layer}' {name}: [{', '.join(map(str, numbers))}] }}"
        return problems(engine, objective(text), InvalidRequest)[f"spec.objective.{kind}.{name}"]

    for count in (1, channels - 1, channels + 1, 1000):
        assert found([1] * count) == (f"has {count} numbers; layer '{layer}' needs {channels}, one for each channel")
    assert found([1] * (channels - 2) + ["nan", "inf"]) == (
        f"2 numbers are not finite, the first at index {channels - 2}: nan"
    )
    assert found([0] * channels).startswith("all of its numbers are 0")


# A mistake, the path of its field in the objective of one picture, and the description.
REFUSED = [
    (
        "match { layer: 'pool1' activation: [1, 2, 3, 4, 5] }",
        "match.activation",
        r"has 5 numbers; layer 'pool1' needs 6, one for each channel, or 1536 \(6 x 16 x 16\) at 32 x 32 px$",
    ),
    ("match { layer: 'pool1' }", "match.activation", "has 0 numbers; layer 'pool1' needs 6"),
    ("match { layer: 'logits' activation: 1 }", "match.activation", r"needs 5, .* or 5 \(5 x 1 x 1\)"),
    ("match { layer: 'pool1' activation: [0, 0, nan, 0, 0, 0] }", "match.activation", "the first at index 2: nan"),
    (
        "match { layer: 'pool1' similarity: 9 }",
        "match.similarity",
        r"9 is not one of 1 \(l2\), 2 \(cosine\), 3 \(dot_c",
    ),
    (
        f"match {{ layer: 'pool1' activation: {SIX} cosine_power: 1 }}",
        "match.cosine_power",
        "goes with the similarity dot_cosine only",
    ),
    ("divergence { layer: 'logits' probabilities: [1, 0, -1, 0, 0] }", "divergence.probabilities", "has negative numb"),
    ("cosine { vector: 1 }", "cosine.layer", "is required: the name of a layer"),
    ("probability {}", "probability", "index or label is required"),
    ("cross_entropy { index: 5 }", "cross_entropy.index", r"5 is not in 0\.\.4, the channels of layer 'logits'"),
    ("probability { index: -1 }", "probability.index", r"-1 is not in 0\.\.4"),
    ("probability { label: 'leef' }", "probability.label", "there is no class 'leef'; the nearest: leaf"),
    ("cross_entropy { layer: 'pool1' index: 1 }", "cross_entropy.layer", "has no classes but positions"),
    ("product {}", "product.factors", r"0 is not in 2\.\.8 factors"),
    (f"product {{ factors {{ {LAYER} }} }}", "product.factors", r"1 is not in 2\.\.8 factors"),
    (f"product {{ {f'factors {{ {LAYER} }}' * 9} }}", "product.factors", r"9 is not in 2\.\.8 factors"),
    (f"product {{ factors {{ {LAYER} }} factors {{}} }}", "product.factors[1]", "is required: one of channel, .*"),
]

# A combination that may not hold another, its field, and the description.
NESTED = [
    (
        f"product {{ factors {{ {LAYER} }} factors {{ product {{}} }} }}",
        "product.factors[1].product",
        "a product cannot be a part of a product; list its terms in the outer one",
    ),
    (
        f"product {{ factors {{ sum {{}} }} factors {{ {LAYER} }} }}",
        "product.factors[0].sum",
        "a sum cannot be a part of a product; one of channel, neuron, layer, direction, logit, cosine, match,"
        " probability, cross_entropy, divergence can",
    ),
    (
        f"product {{ factors {{ {DIVERSITY} }} factors {{ {LAYER} }} }}",
        "product.factors[0].diversity",
        "a diversity cannot be a part of a product; one of channel,",
    ),
    (
        f"interpolation {{ from {{ {LAYER} }} to {{ product {{}} }} }}",
        "interpolation.to.product",
        "a product cannot be a part of an interpolation",
    ),
    (
        f"interpolation {{ from {{ alignment {{}} }} to {{ {LAYER} }} }}",
        "interpolation.from.alignment",
        "an alignment cannot be a part of an interpolation",
    ),
    ("interpolation {}", "interpolation.from", "is required: one of channel, "),
    (f"interpolation {{ from {{ {LAYER} }} }}", "interpolation.to", "is required: one of channel, "),
]

GROUP = "is for a group of pictures; set spec.pictures to 2 or more"
ALONE = [
    (DIVERSITY, "diversity"),
    ("alignment { layer: 'pool1' }", "alignment"),
    (f"interpolation {{ from {{ {LAYER} }} to {{ {CHANNEL} }} }}", "interpolation"),
]


@pytest.mark.parametrize(("text", "field", "problem"), REFUSED)
def test_a_mistake_is_refused_with_what_is_allowed(engine: Engine, text: str, field: str, problem: str) -> None:
    found = problems(engine, objective(text), InvalidRequest)[f"spec.objective.{field}"]
    assert re.search(problem, found), found


@pytest.mark.parametrize(("text", "field", "problem"), NESTED)
def test_what_cannot_be_a_part_of_a_combination_is_refused(engine: Engine, text: str, field: str, problem: str) -> None:
    found = problems(engine, objective(text, pictures=2), InvalidRequest)[f"spec.objective.{field}"]
    assert problem in found


@pytest.mark.parametrize(("text", "kind"), ALONE)
def test_what_compares_pictures_is_refused_for_one(engine: Engine, text: str, kind: str) -> None:
    assert problems(engine, objective(text), InvalidRequest) == {f"spec.objective.{kind}": f"{kind} {GROUP}"}
    within = f"sum {{ terms {{ objective {{ {text} }} }} }}"
    field = f"spec.objective.sum.terms[0].objective.{kind}"
    assert problems(engine, objective(within), InvalidRequest) == {field: f"{kind} {GROUP}"}
    order(engine, objective(text, pictures=2))


def test_a_choice_of_diversity_has_names(engine: Engine) -> None:
    found = problems(engine, objective("diversity { layer: 'pool1' form: 9 }", pictures=2), InvalidRequest)
    assert found == {"spec.objective.diversity.form": "9 is not one of 1 (lucid), 2 (lucent)"}


def test_all_violations_of_an_objective_are_reported_at_once(engine: Engine) -> None:
    text = """
        product {
          factors { cosine { layer: 'pool1' vector: [nan, 1] } }
          factors { match { layer: 'pool1' activation: 1 similarity: 9 } }
          factors { probability { index: 9 } }
          factors { layer { layer: 'pool9' } }
        }
    """
    found = problems(engine, objective(text), InvalidRequest)
    assert set(found) == {
        "spec.objective.product.factors[0].cosine.vector",
        "spec.objective.product.factors[1].match.similarity",
        "spec.objective.product.factors[1].match.activation",
        "spec.objective.product.factors[2].probability.index",
        "spec.objective.product.factors[3].layer.layer",
    }
    both = found["spec.objective.product.factors[0].cosine.vector"]
    assert re.fullmatch("1 numbers are not finite, the first at index 0: nan; has 2 numbers; .* needs 6, .*", both)


# ----- limits -----


def test_the_limit_of_terms_is_obeyed_exactly(models: Path) -> None:
    def terms(count: int) -> str:
        return objective(f"sum {{ {f'terms {{ objective {{ {LAYER} }} }}' * count} }}")

    with Engine([models], device="cpu", threads=1, limits=Limits(max_terms=3)) as engine:
        assert engine.info().limits.max_terms == 3
        assert len(order(engine, terms(3)).recipe.terms) == 3
        found = problems(engine, terms(4), InvalidRequest)
        product = f"terms {{ objective {{ product {{ {f'factors {{ {LAYER} }}' * 2} }} }} }}"
        products = problems(engine, objective(f"sum {{ {product * 2} }}"), InvalidRequest)
    assert found == {"spec.objective.sum.terms": "4 is not in 1..3 terms"}
    assert products["spec.objective.sum.terms"].startswith("have 4 parts with those of products and interpolations;")


def numbers(*counts: int) -> str:
    """Return a spec whose objectives hold so many numbers each."""
    terms = [f"terms {{ objective {{ match {{ layer: 'pool1' activation: {[1] * n} }} }} }}" for n in counts]
    return objective(f"sum {{ {' '.join(terms)} }}")


def masked(height: int, width: int) -> str:
    """Return a spec with a vector of 6 numbers and a mask."""
    mask = f"mask {{ height: {height} width: {width} weights: {[1] * (height * width)} }}"
    return objective(f"direction {{ layer: 'pool1' vector: {SIX} }} region {{ {mask} }}")


def measured(count: int) -> str:
    """Return a spec with a measured magnitude of so many numbers, of which 12 fit."""
    magnitude = f"measured {{ height: 2 width: 2 values: {[1] * count} }}"
    return f"spec {{ parametrization {{ maco {{ magnitude {{ {magnitude} }} }} }} }}"


# A spec with 12 numbers in all, and one with 13, some of which may not fit otherwise either.
MANY = [(masked(2, 3), masked(1, 7)), (numbers(6, 6), numbers(6, 7)), (measured(12), measured(13))]


@pytest.mark.parametrize(("fits", "too_many"), MANY, ids=["vector and mask", "two terms", "magnitude"])
def test_the_limit_of_numbers_is_obeyed_exactly(models: Path, fits: str, too_many: str) -> None:
    with Engine([models], device="cpu", threads=1, limits=Limits(max_numbers=12)) as engine:
        assert engine.info().limits.max_numbers == 12
        made = order(engine, fits)
        assert engine.check(RenderImageRequest(spec=made.effective)).digest == made.digest
        found = problems(engine, too_many, InvalidRequest)
    assert found["spec"] == "13 is not in 0..12 numbers of vectors, masks and activations"


def test_the_numbers_of_presets_and_sets_do_not_count(models: Path) -> None:
    with Engine([models], device="cpu", threads=1, limits=Limits(max_numbers=0)) as engine:
        made = order(engine, "spec { preset: 'maco' transforms { set: 'lucid' } }")
        assert engine.check(RenderImageRequest(spec=made.effective)).digest == made.digest


def test_weights_are_multiplied_in_float64(engine: Engine) -> None:
    text = (
        f"sum {{ terms {{ weight: 0.1 objective {{ interpolation {{ from {{ {LAYER} }} to {{ {CHANNEL} }} }} }} }} }}"
    )
    first, last = order(engine, objective(text, pictures=4)).recipe.terms
    assert first.weight == tuple(float(np.float32(0.1)) * (1 - share) for share in np.linspace(0, 1, 4))
    assert last.weight == tuple(float(np.float32(0.1)) * share for share in np.linspace(0, 1, 4))
