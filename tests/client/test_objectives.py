"""The algebra of objectives, and the conversion of specs to messages, to JSON and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import reverie
from google.protobuf import text_format
from reverie import spec
from reverie.objectives import Channel, Logit, Objective, Sum, Weighted, objective_of
from reverie_proto.v1 import objective_pb2, spec_pb2

A, B = reverie.channel("conv1_1", 3), reverie.neuron("conv1_1", 4)
HALF: Any = np.float32(0.5)
UNCHECKED: Any = A  # for expressions that a type checker would refuse
MINUS_A = 'sum { terms { objective { channel { layer: "conv1_1" channel: 3 } } weight: -1 } }'

# An objective, its message, and its text.
OBJECTIVES = [
    (A, 'channel { layer: "conv1_1" channel: 3 }', "conv1_1:3"),
    (B, 'neuron { layer: "conv1_1" channel: 4 }', "conv1_1:4@centre"),
    (reverie.neuron("c", 4, 0, 2), 'neuron { layer: "c" channel: 4 y: 0 x: 2 }', "c:4@0,2"),
    (reverie.layer("conv1_1"), 'layer { layer: "conv1_1" }', "conv1_1"),
    (reverie.direction("c", [1, -0.5]), 'direction { layer: "c" vector: [1, -0.5] }', "c:direction"),
    (
        reverie.direction("c", np.ones(2), cosine_power=0.5),
        'direction { layer: "c" vector: [1, 1] cosine_power: 0.5 }',
        "c:direction",
    ),
    (reverie.logit("cat"), 'logit { label: "cat" }', "logit:cat"),
    (reverie.logit(0, layer="logits"), 'logit { layer: "logits" index: 0 }', "logits:0"),
    (
        -A,
        sum_of := 'sum { terms { objective { channel { layer: "conv1_1" channel: 3 } } weight: -1 } }',
        "-1*conv1_1:3",
    ),
    (A * -1, MINUS_A, "-1*conv1_1:3"),
    (
        A - 0.5 * B,
        'sum { terms { objective { channel { layer: "conv1_1" channel: 3 } } weight: 1 } '
        'terms { objective { neuron { layer: "conv1_1" channel: 4 } } weight: -0.5 } }',
        "1*conv1_1:3 - 0.5*conv1_1:4@centre",
    ),
    (reverie.cosine("c", np.array([1, -0.5])), 'cosine { layer: "c" vector: [1, -0.5] }', "c:cosine"),
    (
        reverie.match("c", [[[1], [2]]], similarity="dot_cosine", cosine_power=2),
        'match { layer: "c" activation: [1, 2] similarity: SIMILARITY_DOT_COSINE cosine_power: 2 }',
        "c:match",
    ),
    (reverie.match("c", [3]), 'match { layer: "c" activation: 3 }', "c:match"),
    (reverie.probability("cat"), 'probability { label: "cat" }', "probability:cat"),
    (reverie.probability(2, layer="logits"), 'probability { layer: "logits" index: 2 }', "logits:2"),
    (reverie.cross_entropy(2), "cross_entropy { index: 2 }", "cross_entropy:2"),
    (reverie.divergence("c", [0.5, 0.5]), 'divergence { layer: "c" probabilities: [0.5, 0.5] }', "c:divergence"),
    (reverie.diversity("c"), 'diversity { layer: "c" }', "c:diversity"),
    (reverie.diversity("c", form="lucent"), 'diversity { layer: "c" form: DIVERSITY_FORM_LUCENT }', "c:diversity"),
    (reverie.alignment("c", decay=3), 'alignment { layer: "c" decay: 3 }', "c:alignment"),
    (
        A * B * A,
        'product { factors { channel { layer: "conv1_1" channel: 3 } } '
        'factors { neuron { layer: "conv1_1" channel: 4 } } factors { channel { layer: "conv1_1" channel: 3 } } }',
        "conv1_1:3 * conv1_1:4@centre * conv1_1:3",
    ),
    (
        reverie.interpolation(A, B),
        'interpolation { from { channel { layer: "conv1_1" channel: 3 } } '
        'to { neuron { layer: "conv1_1" channel: 4 } } }',
        "conv1_1:3..conv1_1:4@centre",
    ),
    (
        A.in_region(reverie.regions.box(0, 0.25, 0.5, 1)),
        'channel { layer: "conv1_1" channel: 3 } region { box { top: 0 left: 0.25 bottom: 0.5 right: 1 } }',
        "conv1_1:3",
    ),
    (
        A.in_region(reverie.regions.mask([[1, 0, 2], [0, 1, 0]])),
        'channel { layer: "conv1_1" channel: 3 } region { mask { height: 2 width: 3 weights: [1, 0, 2, 0, 1, 0] } }',
        "conv1_1:3",
    ),
]

# Two ways to write one objective.
EQUAL = [
    (A + B, Sum((Weighted(1.0, A), Weighted(1.0, B)))),
    (A - B, A + -B),
    (2 * (A + B), 2 * A + 2 * B),
    ((A + B) / 2, 0.5 * A + 0.5 * B),
    ((A + B) + A, A + (B + A)),
    (sum([A, B, A]), A + B + A),
    (sum([A]), A),
    (+A, A),
    (+(A + B), A + B),
    (A / 2, 0.5 * A),
    (UNCHECKED / np.int64(4), 0.25 * A),
    (HALF * A, 0.5 * A),
    (-1 * -A, 1 * A),
    ((A * B) * A, A * (B * A)),
    (2 * (A * B), Sum((Weighted(2.0, A * B),))),
]


@pytest.mark.parametrize(("objective", "wire", "reading"), OBJECTIVES, ids=[wire[:40] for _, wire, _ in OBJECTIVES])
def test_an_objective_converts_to_a_message_and_back(objective: Objective, wire: str, reading: str) -> None:
    message = spec.to_message(reverie.Spec("tiny", objective))
    assert message.objective == text_format.Parse(wire, objective_pb2.Objective())
    assert spec.from_message(message) == reverie.Spec("tiny", objective)
    assert str(objective) == reading


def test_every_kind_of_objective_is_in_the_table() -> None:
    written = {spec.to_message(reverie.Spec("tiny", o)).objective.WhichOneof("kind") for o, _, _ in OBJECTIVES}
    assert written == {field.name for field in objective_pb2.Objective.DESCRIPTOR.oneofs_by_name["kind"].fields}


@pytest.mark.parametrize(("one", "other"), EQUAL, ids=[str(one) for one, _ in EQUAL])
def test_objectives_add_and_scale(one: Objective, other: Objective) -> None:
    assert one == other


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda: UNCHECKED + 1,
        lambda: UNCHECKED * "x",
        lambda: UNCHECKED - "x",
        lambda: UNCHECKED / "x",
        lambda: UNCHECKED / B,
        lambda: UNCHECKED / None,
        lambda: 2 / UNCHECKED,
        lambda: 1 + UNCHECKED,
        lambda: False + UNCHECKED,
        lambda: True * UNCHECKED,
        lambda: UNCHECKED + 0,
        lambda: sum([UNCHECKED, 1]),
        lambda: sum([UNCHECKED], start=2),
        lambda: UNCHECKED**2,
        lambda: 1 - UNCHECKED,
        lambda: "x" * UNCHECKED,
    ],
)
def test_an_objective_adds_to_objectives_and_scales_by_numbers_only(nonsense: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match=r"unsupported operand|can't multiply"):
        nonsense()


def test_an_objective_divided_by_zero_is_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        UNCHECKED / 0


@pytest.mark.parametrize(
    ("target", "objective"),
    [
        (3, Channel("c", 3)),
        (np.int64(3), Channel("c", 3)),
        ("32", Channel("c", 32)),
        ("-1", Channel("c", -1)),
        ("cat", Logit("cat", "c")),
        ("3,5", Logit("3,5", "c")),
        ("", Logit("", "c")),
        ("9" * 5000, Logit("9" * 5000, "c")),
    ],
)
def test_a_layer_and_a_channel_are_an_objective(target: Any, objective: Objective) -> None:
    assert objective_of("c", target) == objective


FULL = reverie.Spec(
    model="tiny",
    objective=A - 0.5 * B,
    model_digest="d1" * 32,
    size=(64, 96),
    steps=0,
    learning_rate=0.5,
    seed=0,
    preset="lucid",
    parametrization=reverie.parametrizations.fourier(decay_power=1.5),
    transforms="none",
    schedule=reverie.schedules.cosine(warm_up=3),
    optimizer=reverie.optimizers.nadam(),
    views=3,
    view_size=(32, 48),
    penalties=(reverie.penalties.l1(0.5, constant=0.25), reverie.penalties.tv(2.0)),
    pictures=2,
    best_of=4,
    stop_at=-1.5,
    importance=True,
    robustness=True,
    alpha=True,
)


@pytest.mark.parametrize("original", [FULL, reverie.Spec("tiny", A)], ids=["full", "bare"])
def test_a_spec_converts_to_a_message_and_json_and_back(original: reverie.Spec) -> None:
    assert spec.from_message(spec.to_message(original)) == original
    assert {original: 1}[reverie.Spec.from_json(original.to_json())]
    assert reverie.Spec.from_json(original.to_json()) == original


def test_a_spec_has_an_attribute_for_every_field_of_the_message() -> None:
    assert {field.name for field, _ in spec.to_message(FULL).ListFields()} == set(
        spec_pb2.RenderSpec.DESCRIPTOR.fields_by_name
    )


@pytest.mark.parametrize("text", ["", "{}", '{"model": 3}', '{"objective": {"smell": {}}}'])
def test_a_text_that_is_not_a_spec_is_refused(text: str) -> None:
    with pytest.raises(reverie.UsageError, match="This text is not the spec of a picture"):
        reverie.Spec.from_json(text)
