"""Optimizers, schedules and penalties in a spec: what each field is if it is left out, and which values it takes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from reverie_ascent.recipe import optimizer as recipe
from reverie_proto.options import choices
from reverie_proto.v1 import optimizer_pb2
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_proto.v1.visualization_pb2 import RenderImageRequest
from reverie_server import Engine, InvalidRequest, Limits

from tests.server.request.test_parametrization_spec import Range, get, leaves, nested, rows
from tests.server.request.test_spec import order, problems

# Paths within the spec.
RANGES = [
    Range("optimizer.adam.beta1", 0, 0.99999, 0.5),  # with the preset's schedule
    Range("optimizer.adam.beta2", 0, 0.99999, 0.9),
    Range("optimizer.adam.epsilon", 0, 1, 1e-8),
    Range("optimizer.adam.weight_decay", 0, 1, 0),
    Range("optimizer.adam.clip_norm", 0, 1000000.0, 0),
    Range("optimizer.nadam.beta1", 0, 0.99999, 0.9),
    Range("optimizer.nadam.beta2", 0, 0.99999, 0.999),
    Range("optimizer.nadam.epsilon", 0, 1, 1e-8),
    Range("optimizer.nadam.momentum_decay", 0, 1, 0.004),
    Range("optimizer.sgd.momentum", 0, 0.99999, 0),
    Range("schedule.cosine.warm_up", 0, 15, 0, whole=True),  # of 16 steps
    Range("schedule.cosine.end", 0, 1, 0),
]
PENALTY_RANGES = [
    Range("penalties.weight", -1000000, 1000000, 1, "kind: PENALTY_KIND_TV"),
    Range("penalties.constant", -10, 10, 0.5, "kind: PENALTY_KIND_L1"),
]

# The path of a choice, its names, and the number of the one that is meant if it is left out.
CHOICES = [
    ("optimizer.adam.epsilon_place", "1 (before_correction), 2 (after_correction)", 1),
    ("optimizer.sgd.normalization", "1 (none), 2 (mean_absolute), 3 (deviation)", 1),
]


@pytest.mark.parametrize(("number", "value"), rows(RANGES, outside=False))
def test_both_ends_of_a_range_are_accepted(engine: Engine, number: Range, value: float) -> None:
    effective = order(engine, f"spec {{ {number.text(value)} }}").effective
    assert get(effective, number.path) == np.float32(value)


@pytest.mark.parametrize(("number", "value"), rows(RANGES, outside=True))
def test_a_number_outside_of_its_range_is_refused_with_the_range(engine: Engine, number: Range, value: float) -> None:
    found = problems(engine, f"spec {{ {number.text(value)} }}", InvalidRequest)
    assert list(found) == [f"spec.{number.path}"]
    assert f" is not in {number.low}..{number.high}" in found[f"spec.{number.path}"]


@pytest.mark.parametrize("number", RANGES, ids=lambda each: each.path)
def test_a_number_that_is_left_out_is_its_default(engine: Engine, number: Range) -> None:
    family, kind, _ = number.path.split(".")
    effective = order(engine, f"spec {{ {family} {{ {kind} {{}} }} }}").effective
    assert get(effective, number.path) == np.float32(number.default)


@pytest.mark.parametrize(("path", "names", "default"), CHOICES)
def test_a_choice_has_names_and_a_default(engine: Engine, path: str, names: str, default: int) -> None:
    found = problems(engine, f"spec {{ {nested(path, 99)} }}", InvalidRequest)
    assert found == {f"spec.{path}": f"99 is not one of {names}"}
    family, kind, _ = path.split(".")
    for text in (f"{family} {{ {kind} {{}} }}", nested(path, 0)):
        assert get(order(engine, f"spec {{ {text} }}").effective, path) == default


def test_every_field_has_a_row() -> None:
    covered = {each.path for each in (*RANGES, *PENALTY_RANGES)} | {path for path, *_ in CHOICES} | {"penalties.kind"}
    fields = RenderSpec.DESCRIPTOR.fields_by_name
    expected = {
        f"{name}.{path}"
        for name in ("optimizer", "schedule", "penalties")
        for path, _ in leaves(fields[name].message_type)
    }
    assert covered == expected


# ----- moments: those with which each schedule was found -----

# The schedule, what is given of Adam, and its moments.
MOMENTS = [
    ("one_cycle {}", "", (0.5, 0.9)),
    ("constant {}", "", (0.9, 0.999)),
    ("cosine {}", "", (0.9, 0.999)),
    ("one_cycle {}", "beta1: 0.8", (0.8, 0.9)),
    ("one_cycle {}", "beta2: 0.99", (0.5, 0.99)),
    ("constant {}", "beta1: 0", (0, 0.999)),
]


@pytest.mark.parametrize(("schedule", "given", "moments"), MOMENTS)
def test_adams_moments_follow_the_schedule_unless_they_are_given(
    engine: Engine, schedule: str, given: str, moments: tuple[float, float]
) -> None:
    made = order(engine, f"spec {{ schedule {{ {schedule} }} optimizer {{ adam {{ {given} }} }} }}").recipe.optimizer
    assert made == recipe.Adam(*moments)


@pytest.mark.parametrize("steps", [1, 2, 10_000])
def test_the_rate_rises_for_fewer_steps_than_there_are(engine: Engine, steps: int) -> None:
    text = f"spec {{ steps: {steps} schedule {{ cosine {{ warm_up: %d }} }} }}"
    assert order(engine, text % (steps - 1)).recipe.schedule == recipe.Cosine(steps - 1)
    found = problems(engine, text % steps, InvalidRequest)
    assert found == {"spec.schedule.cosine.warm_up": f"{steps} is not in 0..{steps - 1}"}


# ----- what they become -----

# A setting as it is sent, and the one of the recipe: every number is the decimal that was sent.
OPTIMIZERS: list[tuple[str, recipe.Optimizer]] = [
    (
        "adam { beta1: 0.8 beta2: 0.99 epsilon: 1e-7 weight_decay: 0.01 clip_norm: 0.1"
        " epsilon_place: EPSILON_PLACE_AFTER_CORRECTION }",
        recipe.Adam(0.8, 0.99, 1e-7, torch_epsilon=True, weight_decay=0.01, clip_norm=0.1),
    ),
    ("nadam {}", recipe.Nadam(0.9, 0.999, 1e-8, 0.004)),
    ("nadam { beta1: 0.8 beta2: 0.99 epsilon: 1e-7 momentum_decay: 0.01 }", recipe.Nadam(0.8, 0.99, 1e-7, 0.01)),
    ("sgd {}", recipe.Sgd()),
    ("sgd { momentum: 0.9 normalization: NORMALIZATION_MEAN_ABSOLUTE }", recipe.Sgd(0.9, "mean_absolute")),
    ("sgd { normalization: NORMALIZATION_DEVIATION }", recipe.Sgd(0, "deviation")),
]
SCHEDULES: list[tuple[str, recipe.Schedule]] = [
    ("constant {}", recipe.Constant()),
    ("one_cycle {}", recipe.OneCycle()),
    ("cosine {}", recipe.Cosine(0, 0)),
    ("cosine { warm_up: 3 end: 0.1 }", recipe.Cosine(3, 0.1)),
]


@pytest.mark.parametrize(("text", "expected"), OPTIMIZERS)
def test_an_optimizer_is_that_of_the_recipe_and_resolves_to_itself(
    engine: Engine, text: str, expected: recipe.Optimizer
) -> None:
    made = order(engine, f"spec {{ optimizer {{ {text} }} }}")
    assert made.recipe.optimizer == expected
    again = engine.check(RenderImageRequest(spec=made.effective))
    assert (again.effective, again.digest, again.recipe) == (made.effective, made.digest, made.recipe)


@pytest.mark.parametrize(("text", "expected"), SCHEDULES)
def test_a_schedule_is_that_of_the_recipe_and_resolves_to_itself(
    engine: Engine, text: str, expected: recipe.Schedule
) -> None:
    made = order(engine, f"spec {{ schedule {{ {text} }} }}")
    assert made.recipe.schedule == expected
    again = engine.check(RenderImageRequest(spec=made.effective))
    assert (again.effective, again.digest, again.recipe) == (made.effective, made.digest, made.recipe)


def test_every_optimizer_and_schedule_becomes_one_of_the_recipe() -> None:
    messages = (optimizer_pb2.Optimizer, OPTIMIZERS), (optimizer_pb2.Schedule, SCHEDULES)
    for message, table in messages:
        kinds = {field.name for field in message.DESCRIPTOR.fields}
        assert {text.partition(" ")[0] for text, _ in table} == kinds


# ----- penalties -----

WITH_CONSTANT = ("l1", "l2", "l_infinity")
KINDS = [*WITH_CONSTANT, "tv", "tv_mean", "tv_four_norm", "tv_four_norm_mean", "blur", "spectral"]

# A mistake in a penalty, its field, and the description.
REFUSED = [
    ("", "kind", r"0 is not one of 1 \(l1\), 2 \(l2\), .*, 9 \(spectral\)"),
    ("kind: 10", "kind", r"10 is not one of 1 \(l1\)"),
    ("kind: -1", "kind", r"-1 is not one of 1 \(l1\)"),
    *[
        (f"kind: PENALTY_KIND_{kind.upper()} constant: 0.5", "constant", f"{kind} has no constant; l1, l2 and l_inf")
        for kind in KINDS
        if kind not in WITH_CONSTANT
    ],
]


def test_every_kind_of_penalty_is_known() -> None:
    assert list(choices(optimizer_pb2.PenaltyKind.DESCRIPTOR)) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_penalty_has_the_weight_1_and_a_constant_if_it_measures_a_distance(engine: Engine, kind: str) -> None:
    made = order(engine, f"spec {{ penalties {{ kind: PENALTY_KIND_{kind.upper()} }} }}")
    (penalty,) = made.effective.penalties
    assert penalty.weight == 1
    assert penalty.HasField("constant") == (kind in WITH_CONSTANT)
    assert made.recipe.penalties == (recipe.Penalty(kind, 1, 0.5),)  # type: ignore[arg-type]
    again = engine.check(RenderImageRequest(spec=made.effective))
    assert (again.effective, again.digest, again.recipe) == (made.effective, made.digest, made.recipe)


def test_penalties_keep_their_order_and_may_be_rewards(engine: Engine) -> None:
    text = "penalties { kind: PENALTY_KIND_TV weight: -0.1 } penalties { kind: PENALTY_KIND_L2 constant: 0.1 }"
    assert order(engine, f"spec {{ {text} }}").recipe.penalties == (
        recipe.Penalty("tv", -0.1),
        recipe.Penalty("l2", 1, 0.1),
    )


@pytest.mark.parametrize(("number", "value"), rows(PENALTY_RANGES, outside=False))
def test_both_ends_of_a_penaltys_range_are_accepted(engine: Engine, number: Range, value: float) -> None:
    (penalty,) = order(engine, f"spec {{ {number.text(value)} }}").effective.penalties
    assert get(penalty, number.path.partition(".")[2]) == value


@pytest.mark.parametrize(("number", "value"), rows(PENALTY_RANGES, outside=True))
def test_a_penaltys_number_outside_of_its_range_is_refused(engine: Engine, number: Range, value: float) -> None:
    found = problems(engine, f"spec {{ {number.text(value)} }}", InvalidRequest)
    field = number.path.replace("penalties", "spec.penalties[0]")
    assert list(found) == [field]
    assert f" is not in {number.low}..{number.high}" in found[field]


@pytest.mark.parametrize(("text", "field", "problem"), REFUSED)
def test_a_mistake_in_a_penalty_is_refused(engine: Engine, text: str, field: str, problem: str) -> None:
    sound = "penalties { kind: PENALTY_KIND_L1 }"
    found = problems(engine, f"spec {{ {sound} penalties {{ {text} }} }}", InvalidRequest)
    assert list(found) == [f"spec.penalties[1].{field}"]
    assert re.search(problem, found[f"spec.penalties[1].{field}"])


@pytest.mark.parametrize("most", [16, 2])
def test_the_limit_of_penalties_is_obeyed_exactly(models: Path, most: int) -> None:
    one = "penalties { kind: PENALTY_KIND_L1 } "
    limits = Limits() if most == 16 else Limits(max_penalties=most)
    with Engine([models], device="cpu", threads=1, limits=limits) as engine:
        assert engine.info().limits.max_penalties == most
        assert len(order(engine, f"spec {{ {one * most} }}").recipe.penalties) == most
        found = problems(engine, f"spec {{ {one * (most + 1)} }}", InvalidRequest)
    assert found == {"spec.penalties": f"{most + 1} is not in 0..{most} penalties"}


def test_all_violations_are_reported_at_once(engine: Engine) -> None:
    text = """
        optimizer { adam { beta1: 1 epsilon: nan epsilon_place: 9 clip_norm: -1 } }
        schedule { cosine { warm_up: 16 end: 2 } }
        penalties { kind: PENALTY_KIND_L1 weight: nan constant: 11 } penalties {}
    """
    assert set(problems(engine, f"spec {{ {text} }}", InvalidRequest)) == {
        "spec.optimizer.adam.beta1",
        "spec.optimizer.adam.epsilon",
        "spec.optimizer.adam.epsilon_place",
        "spec.optimizer.adam.clip_norm",
        "spec.schedule.cosine.warm_up",
        "spec.schedule.cosine.end",
        "spec.penalties[0].weight",
        "spec.penalties[0].constant",
        "spec.penalties[1].kind",
    }


def test_a_penalty_of_weight_0_switches_those_of_the_preset_off(engine: Engine) -> None:
    text = "spec { preset: 'vit' penalties { kind: PENALTY_KIND_TV weight: 0 } }"
    resolved = order(engine, text)
    assert [each.weight for each in resolved.effective.penalties] == [0]
    assert resolved.recipe.penalties == ()
    assert order(engine, "spec { preset: 'vit' }").recipe.penalties != ()
