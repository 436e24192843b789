"""The conversion of Python values into messages: accepted values, and the problem for all others."""

from __future__ import annotations

import decimal
import fractions
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message
from reverie_proto.options import (
    FIELDS,
    GIVEN,
    DeliveryOptions,
    Problem,
    SpecOptions,
    choices,
    write,
    write_channel,
)
from reverie_proto.scalars import shown
from reverie_proto.v1 import objective_pb2, parametrization_pb2, spec_pb2, transform_pb2, visualization_pb2

from tests import parts

Spec, Request = spec_pb2.RenderSpec, visualization_pb2.StreamRenderRequest


class Odd:
    """A caller's object whose methods all raise."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __index__(self) -> int:
        raise RuntimeError("no")


# A field, values that it takes, and what it then holds.
TAKEN: list[tuple[str, list[Any], Any]] = [
    ("spec.steps", [3, np.int64(3), np.uint8(3)], 3),
    ("spec.steps", [-(2**31)], -(2**31)),
    ("spec.seed", [2**32 - 1, np.uint32(2**32 - 1)], 2**32 - 1),
    ("spec.learning_rate", [0.5, np.float32(0.5), np.float64(0.5), np.float16(0.5), fractions.Fraction(1, 2)], 0.5),
    ("spec.learning_rate", [2, np.int8(2)], 2.0),
    ("spec.preset", ["lucid", np.str_("lucid")], "lucid"),
    ("spec.transforms", ["none", np.str_("none")], parts.NONE),
    ("frames.steps", [[0, 3], (0, 3), range(0, 4, 3), np.array([0, 3]), dict.fromkeys([0, 3]).keys()], [0, 3]),
    ("frames.format", ["webp"], spec_pb2.IMAGE_FORMAT_WEBP),
    ("spec.objective.direction.vector", [[1, 0.5], np.array([1, 0.5], np.float32)], [1, 0.5]),
]

INTEGER = "is not a whole number"
# A field, values that it cannot hold, and the problem.
REFUSED: list[tuple[str, list[Any], str]] = [
    (
        "spec.steps",
        [None, True, "3", b"3", 3.0, np.array(3), np.float32(3), np.bool_(True), [3], (3,), {3: 3}, Odd()],
        INTEGER,
    ),
    ("spec.steps", [2**31, -(2**31) - 1, 10**5000], "is not in -2147483648..2147483647"),
    ("spec.seed", [-1, 2**32], "is not in 0..4294967295"),
    ("spec.learning_rate", [None, True, "0.5", b"x", [0.5], {}, 1j, np.array([0.5]), Odd()], "is not a number"),
    ("spec.learning_rate", [float("nan"), float("inf"), np.float32("nan"), 10**400], "is not a finite number"),
    ("spec.learning_rate", [1e39, -1e300], "is not in -3.403e+38..3.403e+38"),
    ("spec.preset", [None, 1, b"lucid", ["lucid"], ("lucid",), {}, float("nan"), Odd()], "is not a text"),
    ("spec.preset", ["\ud800"], "holds characters that UTF-8 has not"),
    ("spec.transforms", [None, 1, 1.5, b"none", {}], "is not the name of a set, or a list of transforms"),
    ("spec.transforms.steps", [range(10**9)], "holds more than 1048576 elements"),
    (
        "spec.parametrization",
        ["", "unspecified", 1],
        "is not one of fourier, pixel, laplacian, multi_resolution, maco, cppn, or one of reverie.parametrizations",
    ),
    ("frames.steps", [None, 1, "12", b"12", {1: 2}, np.array(1), iter([1])], "is not a list"),
    ("frames.steps", [range(10**9), range(10**30)], "holds more than 1048576 elements"),
    (
        "spec",
        [None, 1, "x", [], {}, objective_pb2.Objective()],
        f"is not {GIVEN['reverie.v1.RenderSpec']}",
    ),
    (
        "spec.objective",
        [None, 1, "x", [], {}, Spec()],
        f"is not {GIVEN['reverie.v1.Objective']}",
    ),
]


def rows(table: list[tuple[str, list[Any], Any]]) -> list[Any]:
    return [
        pytest.param(path, value, expected, id=f"{path}-{type(value).__name__}-{shown(value)[:20]}")
        for path, values, expected in table
        for value in values
    ]


def held(message: Message, path: str) -> Any:
    for name in path.split("."):
        message = getattr(message, name)
    return message


@pytest.mark.parametrize(("path", "value", "expected"), rows(TAKEN))
def test_a_field_accepts_values_of_its_kind(path: str, value: Any, expected: Any) -> None:
    request = Request()
    assert write(request, path, value) == []
    assert held(request, path) == expected


@pytest.mark.parametrize(("path", "value", "said"), rows(REFUSED))
def test_any_other_value_is_a_problem_with_the_value_and_the_remedy(path: str, value: Any, said: str) -> None:
    request = Request()
    (problem,) = write(request, path, value, at="at.")
    assert problem.field == f"at.{path}"
    assert problem.description == f"{shown(value)} {said}"
    assert request == Request()


def test_the_nearest_name_of_a_kind_is_told() -> None:
    (problem,) = write(Request(), "spec.optimizer", "adm")
    assert problem.description == (
        "'adm' is not one of adam, nadam, sgd, or one of reverie.optimizers; the nearest: adam, nadam"
    )


def test_a_list_names_its_wrong_elements_up_to_a_limit() -> None:
    request = Request()
    assert write(request, "frames.steps", [1, "x", 2, None]) == [
        Problem("frames.steps[1]", f"'x' {INTEGER}"),
        Problem("frames.steps[3]", f"None {INTEGER}"),
    ]
    assert len(write(request, "frames.steps", [None] * 1000)) == 10


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000, list(range(10_000)), np.zeros((100, 100)), 10**5000, Odd(), decimal.Decimal(1), "a\nb"],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_shown_on_one_short_line(value: object) -> None:
    text = shown(value)
    assert len(text) <= 120
    assert "\n" not in text


def test_a_list_of_messages_names_its_wrong_elements_up_to_a_limit() -> None:
    request = Request()
    said = GIVEN["reverie.v1.Transform"]
    assert write(request, "spec.transforms", ["none"]) == [Problem("spec.transforms.steps[0]", f"'none' is not {said}")]
    assert len(write(request, "spec.transforms", [None] * 1000)) == 10


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        ("spec.transforms", [transform_pb2.Transform(flip=transform_pb2.FlipTransform())], "none"),
        ("spec.transforms", "none", [transform_pb2.Transform(flip=transform_pb2.FlipTransform())]),
        ("spec.penalties", {"l1": 1.0, "tv": 2.0}, {"l2": 1.0}),
        ("spec.parametrization", parametrization_pb2.Parametrization(pixel={"deviation": 0.5}), "pixel"),
        ("frames.steps", [1, 2], [3]),
    ],
)
def test_an_option_replaces_what_a_spec_says(path: str, first: Any, second: Any) -> None:
    changed, fresh = Request(), Request()
    assert write(changed, path, first) == write(changed, path, second) == write(fresh, path, second) == []
    assert changed == fresh


def test_every_option_leads_to_a_field_of_a_request() -> None:
    for path in FIELDS.values():
        held(Request(), path)
    assert set(DeliveryOptions.__annotations__) <= set(FIELDS)
    # ... and no field of the spec is without an option, but for the digest that a server fills in.
    assert {path for path in FIELDS.values() if path.startswith("spec.")} == {
        f"spec.{field.name}" for field in Spec.DESCRIPTOR.fields if field.name != "model_digest"
    }
    assert {FIELDS[name] for name in SpecOptions.__annotations__} <= set(FIELDS.values())


def test_a_choice_has_the_name_of_its_enum_value_without_the_prefix() -> None:
    assert choices(visualization_pb2.CacheMode.DESCRIPTOR) == {"use": 1, "bypass": 2, "only": 3}
    assert list(choices(spec_pb2.ImageFormat.DESCRIPTOR)) == ["png", "webp", "jpeg", "raw"]


def test_a_layer_and_a_channel_are_an_objective() -> None:
    for channel, kind in ((np.int64(3), "channel"), ("cat", "logit")):
        objective = objective_pb2.Objective()
        assert write_channel(objective, "c", channel) == []
        assert objective.WhichOneof("kind") == kind
    assert [problem.field for problem in write_channel(objective_pb2.Objective(), 1, [2], at="o.")] == [
        "o.channel.layer",
        "o.channel.channel",
    ]
