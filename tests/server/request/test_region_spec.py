"""Regions of objectives: which values they take, and which objectives have one."""

from __future__ import annotations

import re

import pytest
from reverie_ascent.recipe.region import Box, Mask
from reverie_proto.v1 import objective_pb2
from reverie_proto.v1.visualization_pb2 import RenderImageRequest
from reverie_server import Engine, InvalidRequest

from tests.server.request.test_parametrization_spec import Range, get, leaves, rows
from tests.server.request.test_spec import order, problems

CHANNEL = "channel { layer: 'pool1' }"
BOX = "region { box { bottom: 0.75 right: 1 } }"
SIX = "[1, 2, 3, 4, 5, 6]"


def region(text: str) -> str:
    return f"spec {{ objective {{ {CHANNEL} region {{ {text} }} }} }}"


# An edge: its range, without the end that would leave no room beside the opposite edge.
EDGES = [
    (Range("box.top", 0, 1, beside="bottom: 1 right: 1"), 0.0),
    (Range("box.left", 0, 1, beside="bottom: 1 right: 1"), 0.0),
    (Range("box.bottom", 0, 1, beside="right: 1"), 1.0),
    (Range("box.right", 0, 1, beside="bottom: 1"), 1.0),
]

# A mistake, the path of its field in the region, and the description.
REFUSED = [
    ("", "", "is required: one of box, mask"),
    ("box {}", ".box.bottom", "0 is not more than top, 0"),
    ("box { bottom: 1 }", ".box.right", "0 is not more than left, 0"),
    ("box { top: 0.5 bottom: 0.5 right: 1 }", ".box.bottom", "0.5 is not more than top, 0.5"),
    ("box { left: 0.75 right: 0.5 bottom: 1 }", ".box.right", "0.5 is not more than left, 0.75"),
    ("box { top: 1 bottom: 1 right: 1 }", ".box.bottom", "1 is not more than top, 1"),
    ("mask {}", ".mask.height", r"0 is not in 1\.\.4096"),
    ("mask { height: -1 width: 1 weights: 1 }", ".mask.height", r"-1 is not in 1\.\.4096"),
    ("mask { height: 4097 width: 1 weights: 1 }", ".mask.height", r"4097 is not in 1\.\.4096"),
    ("mask { height: 1 width: 0 }", ".mask.width", r"0 is not in 1\.\.4096"),
    ("mask { height: 1 width: 2147483647 }", ".mask.width", r"2147483647 is not in 1\.\.4096"),
    ("mask { height: 2 width: 3 weights: [1, 2, 3, 4, 5] }", ".mask.weights", "has 5 numbers; 2 x 3 are 6"),
    (f"mask {{ height: 1 width: 5 weights: {SIX} }}", ".mask.weights", "has 6 numbers; 1 x 5 are 5"),
    ("mask { height: 1 width: 1 }", ".mask.weights", "has 0 numbers; 1 x 1 are 1"),
    (
        "mask { height: 1 width: 3 weights: [1, inf, nan] }",
        ".mask.weights",
        "2 numbers are not finite, the first at index 1: inf",
    ),
    ("mask { height: 1 width: 2 weights: [2, -1] }", ".mask.weights", "has negative numbers; weights are at least 0"),
    ("mask { height: 1 width: 2 weights: [0, 0] }", ".mask.weights", "all of its numbers are 0, so no position counts"),
]


@pytest.mark.parametrize(("edge", "end"), EDGES, ids=lambda each: getattr(each, "path", ""))
def test_an_edge_may_be_that_of_the_picture(engine: Engine, edge: Range, end: float) -> None:
    made = order(engine, region(edge.text(end)))
    assert get(made.effective.objective.region, edge.path) == end


@pytest.mark.parametrize(("edge", "value"), rows([edge for edge, _ in EDGES], outside=True))
def test_an_edge_outside_of_the_picture_is_refused(engine: Engine, edge: Range, value: float) -> None:
    found = problems(engine, region(edge.text(value)), InvalidRequest)
    assert f" is not in {edge.low}..{edge.high}" in found[f"spec.objective.region.{edge.path}"]


@pytest.mark.parametrize(("text", "field", "problem"), REFUSED)
def test_a_region_without_positions_is_refused(engine: Engine, text: str, field: str, problem: str) -> None:
    found = problems(engine, region(text), InvalidRequest)
    assert re.search(problem, found[f"spec.objective.region{field}"])


# Regions between the centres of pool1's 16 x 16 positions: all of a box, and the cells of a mask that count.
BETWEEN = [
    "box { top: 0.04 bottom: 0.06 right: 1 }",
    "box { left: 0.97 right: 0.99 bottom: 1 }",
    f"mask {{ height: 1 width: 64 weights: [1{', 0' * 63}] }}",
]


@pytest.mark.parametrize("text", BETWEEN)
def test_a_region_between_all_positions_is_refused(engine: Engine, text: str) -> None:
    found = problems(engine, region(text), InvalidRequest)
    assert "selects no position of layer 'pool1', which has 16 x 16 at 32 x 32 px" in found["spec.objective.region"]


@pytest.mark.parametrize("text", BETWEEN)
def test_a_region_is_checked_against_its_own_part_of_a_combination(engine: Engine, text: str) -> None:
    part = f"objective {{ {CHANNEL} region {{ {text} }} }}"
    found = problems(engine, f"spec {{ objective {{ sum {{ terms {{ {part} weight: 1 }} }} }} }}", InvalidRequest)
    assert "selects no position" in found["spec.objective.sum.terms[0].objective.region"]


def test_every_field_has_a_row() -> None:
    covered = {edge.path for edge, _ in EDGES} | {field[1:] for _, field, _ in REFUSED if field}
    assert covered == {path for path, _ in leaves(objective_pb2.Region.DESCRIPTOR)}


def test_all_violations_of_a_region_are_reported_at_once(engine: Engine) -> None:
    found = problems(engine, region("box { top: -1 left: 2 bottom: nan right: 1 }"), InvalidRequest)
    place = "spec.objective.region.box."
    assert set(found) == {place + "top", place + "left", place + "bottom", place + "right"}
    assert found[place + "right"] == "1 is not more than left, 2"


# A region as it is sent, and the one of the recipe.
RECIPES: list[tuple[str, Box | Mask]] = [
    ("box { top: 0.25 left: 0.5 bottom: 0.75 right: 1 }", Box(0.25, 0.5, 0.75, 1)),
    (f"mask {{ height: 2 width: 3 weights: {SIX} }}", Mask(2, 3, (1, 2, 3, 4, 5, 6))),
    ("mask { height: 1 width: 1 weights: 0.5 }", Mask(1, 1, (0.5,))),
    (f"mask {{ height: 1 width: 4096 weights: {[1] * 4096} }}", Mask(1, 4096, (1,) * 4096)),
    (f"mask {{ height: 4096 width: 1 weights: {[1] * 4096} }}", Mask(4096, 1, (1,) * 4096)),
]


@pytest.mark.parametrize(("text", "expected"), RECIPES, ids=["box", "mask", "one", "a row", "a column"])
def test_a_region_is_that_of_the_recipe_and_resolves_to_itself(engine: Engine, text: str, expected: Box | Mask) -> None:
    made = order(engine, region(text))
    assert made.recipe.terms[0].region == expected
    again = engine.check(RenderImageRequest(spec=made.effective))
    assert (again.effective, again.digest, again.recipe) == (made.effective, made.digest, made.recipe)


# ----- objectives with and without one -----

WITH = {
    "channel": "channel { layer: 'pool1' }",
    "layer": "layer { layer: 'pool1' }",
    "direction": f"direction {{ layer: 'pool1' vector: {SIX} }}",
    "logit": "logit { index: 0 }",
    "cosine": f"cosine {{ layer: 'pool1' vector: {SIX} }}",
    "probability": "probability { index: 0 }",
    "cross_entropy": "cross_entropy { index: 0 }",
    "divergence": f"divergence {{ layer: 'pool1' probabilities: {SIX} }}",
}
WITHOUT = {
    "neuron": "neuron { layer: 'pool1' }",
    "match": f"match {{ layer: 'pool1' activation: {SIX} }}",
    "sum": f"sum {{ terms {{ objective {{ {CHANNEL} }} }} }}",
    "product": f"product {{ factors {{ {CHANNEL} }} factors {{ {CHANNEL} }} }}",
    "interpolation": f"interpolation {{ from {{ {CHANNEL} }} to {{ {CHANNEL} }} }}",
    "diversity": "diversity { layer: 'pool1' }",
    "alignment": "alignment { layer: 'pool1' }",
}


def test_every_objective_is_in_one_of_the_tables() -> None:
    kinds = {field.name for field in objective_pb2.Objective.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert WITH.keys() | WITHOUT.keys() == kinds
    assert not WITH.keys() & WITHOUT.keys()


@pytest.mark.parametrize("kind", WITH)
def test_an_objective_of_positions_may_have_a_region(engine: Engine, kind: str) -> None:
    made = order(engine, f"spec {{ objective {{ {WITH[kind]} {BOX} }} }}")
    assert made.recipe.terms[0].region == Box(0, 0, 0.75, 1)


@pytest.mark.parametrize("kind", WITHOUT)
def test_any_other_objective_is_refused_with_those_that_may(engine: Engine, kind: str) -> None:
    found = problems(engine, f"spec {{ pictures: 2 objective {{ {WITHOUT[kind]} {BOX} }} }}", InvalidRequest)
    assert found == {"spec.objective.region": f"does not go with {kind}; it goes with {', '.join(WITH)}"}


def test_the_parts_of_a_combination_have_regions_of_their_own(engine: Engine) -> None:
    factors = f"factors {{ {CHANNEL} {BOX} }} factors {{ {CHANNEL} }}"
    made = order(engine, f"spec {{ objective {{ product {{ {factors} }} }} }}")
    assert [term.region for term in made.recipe.terms] == [Box(0, 0, 0.75, 1), None]
