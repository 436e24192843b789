"""What cannot be combined in a spec is said before anything is rendered."""

from __future__ import annotations

import ast
import inspect
import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from reverie_ascent.program.transforms import steps
from reverie_proto.v1.visualization_pb2 import RenderImageRequest
from reverie_server import Engine, InvalidRequest
from reverie_server.request import combinations

from tests.server.request.test_spec import order, problems

SPECTRAL = "penalties { kind: PENALTY_KIND_SPECTRAL }"
MACO = "parametrization { maco {} }"

# A spec, the field that is refused, its whole description, and the nearest spec that is accepted.
REFUSED = [
    (
        f"{MACO} {SPECTRAL}",
        "spec.penalties[0].kind",
        "spectral does not go with maco, whose spectrum has a fixed magnitude; leave one of them out",
        f"parametrization {{ fourier {{}} }} {SPECTRAL}",
    ),
    (
        f"{MACO} penalties {{ kind: PENALTY_KIND_TV }} {SPECTRAL}",
        "spec.penalties[1].kind",
        "spectral does not go with maco, whose spectrum has a fixed magnitude; leave one of them out",
        f"{MACO} penalties {{ kind: PENALTY_KIND_TV }}",
    ),
    (
        "robustness: true transforms { set: 'none' }",
        "spec.robustness",
        "needs transforms, whose draws it measures; give some, such as lucid",
        "robustness: true transforms { steps { flip {} } }",
    ),
    (
        "robustness: true transforms {}",
        "spec.robustness",
        "needs transforms, whose draws it measures; give some, such as lucid",
        "robustness: false transforms {}",
    ),
    (
        "stop_at: 1 best_of: 2",
        "spec.stop_at",
        "does not go with best_of: attempts that stop early cannot be compared",
        "stop_at: 1 best_of: 1",
    ),
    (
        f"alpha: true {MACO}",
        "spec.alpha",
        "does not go with maco; use one of fourier, pixel, laplacian",
        "alpha: true parametrization { laplacian {} }",
    ),
    (
        "alpha: true parametrization { cppn {} }",
        "spec.alpha",
        "does not go with cppn; use one of fourier, pixel, laplacian",
        "alpha: true parametrization { fourier {} }",
    ),
    (
        "alpha: true parametrization { pixel { range: PIXEL_RANGE_UNBOUNDED } }",
        "spec.alpha",
        "does not go with pixels of the range unbounded; use another range",
        "alpha: true parametrization { pixel { range: PIXEL_RANGE_CLAMP } }",
    ),
    (
        "alpha: true importance: true",
        "spec.importance",
        "does not go with alpha: both are the opacity of the picture",
        "alpha: true importance: false",
    ),
    (
        "transforms { steps { jitter { px: 32 } } }",
        "spec.transforms.steps[0]",
        "a jitter of 32 px leaves nothing of a picture of 32 px",
        "transforms { steps { jitter { px: 31 } } }",
    ),
    # The smallest picture that a scale may leave counts: 28.8 rows, rounded down.
    (
        "transforms { steps { scale { factor { range { low: 0.9 high: 2 } } } } steps { jitter { px: 28 } } }",
        "spec.transforms.steps[1]",
        "a jitter of 28 px leaves nothing of a picture of 28 px",
        "transforms { steps { scale { factor { range { low: 0.9 high: 2 } } } } steps { jitter { px: 27 } } }",
    ),
    (
        "transforms { steps { scale { factor { set { values: [2, 0.9] } } sampling: SAMPLING_ALIGN_CORNERS } }"
        " steps { jitter { px: 29 } } }",
        "spec.transforms.steps[1]",
        "a jitter of 29 px leaves nothing of a picture of 29 px",
        "transforms { steps { scale { factor { set { values: [2, 0.9] } } sampling: SAMPLING_ALIGN_CORNERS } }"
        " steps { jitter { px: 28 } } }",
    ),
    (
        "transforms { steps { pad { px: 32 mode: PAD_MODE_REFLECT } } }",
        "spec.transforms.steps[0]",
        "32 px cannot be reflected of 32 px; at most 31 can",
        "transforms { steps { pad { px: 31 mode: PAD_MODE_REFLECT } } }",
    ),
    # The shorter side counts.
    (
        "size { height_px: 40 width_px: 16 } transforms { steps { pad { px: 16 mode: PAD_MODE_REFLECT } } }",
        "spec.transforms.steps[0]",
        "16 px cannot be reflected of 16 px; at most 15 can",
        "size { height_px: 40 width_px: 16 } transforms { steps { pad { px: 16 } } }",
    ),
    (
        "transforms { steps { pad { px: 1000 } } steps { scale { factor { set { values: [1, 2.1] } } } } }",
        "spec.transforms.steps[1]",
        "the picture would have up to 4267 px a side there; at most 4096 are made",
        "transforms { steps { pad { px: 1000 } } steps { scale { factor { set { values: [1, 2] } } } } }",
    ),
    (
        "size { height_px: 16 width_px: 1024 } transforms { steps { pad { px: 1024 } } steps { pad { px: 513 } } }",
        "spec.transforms.steps[1]",
        "the picture would have up to 4098 px a side there; at most 4096 are made",
        "size { height_px: 16 width_px: 1024 } transforms { steps { pad { px: 1024 } } steps { pad { px: 512 } } }",
    ),
    # A box and a resize leave the size that the network sees.
    (
        "view_size { height_px: 8 width_px: 9 } transforms { steps { crop_box { side { low: 0.1 high: 1 } } }"
        " steps { jitter { px: 8 } } }",
        "spec.transforms.steps[1]",
        "a jitter of 8 px leaves nothing of a picture of 8 px",
        "view_size { height_px: 8 width_px: 9 } transforms { steps { crop_box { side { low: 0.1 high: 1 } } }"
        " steps { jitter { px: 7 } } }",
    ),
    (
        "transforms { steps { center { size { height_px: 5 width_px: 40 } } } steps { jitter { px: 5 } } }",
        "spec.transforms.steps[1]",
        "a jitter of 5 px leaves nothing of a picture of 5 px",
        "transforms { steps { center { size { height_px: 5 width_px: 40 } } } steps { jitter { px: 4 } } }",
    ),
]


@pytest.mark.parametrize(("text", "field", "problem", "nearest"), REFUSED)
def test_a_combination_that_makes_no_sense_is_refused(
    engine: Engine, text: str, field: str, problem: str, nearest: str
) -> None:
    assert problems(engine, f"spec {{ {text} }}", InvalidRequest) == {field: problem}
    made = order(engine, f"spec {{ {nearest} }}")
    again = engine.check(RenderImageRequest(spec=made.effective))
    assert (again.effective, again.digest) == (made.effective, made.digest)


def sentences(module: ModuleType) -> list[str]:
    """Return the sentences in the source of a module's checks, each as a regular expression; no docstrings."""
    checks = [
        node
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.FunctionDef) and node.name.lstrip("_").startswith("check")
    ]
    bodies = [check.body[1:] if ast.get_docstring(check) else check.body for check in checks]
    parts = [node for body in bodies for statement in body for node in ast.walk(statement)]
    inner = {id(each) for node in parts if isinstance(node, ast.JoinedStr) for each in node.values}
    texts = [
        _pattern(node) for node in parts if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in inner
    ]
    return [text for text in texts if text.count(r"\ ") >= 3]


def _pattern(node: Any) -> str:
    if isinstance(node, ast.JoinedStr):
        parts = [str(each.value) if isinstance(each, ast.Constant) else None for each in node.values]
        return "".join(".*" if part is None else re.escape(part) for part in parts)
    return re.escape(node.value) if isinstance(node.value, str) else ""


RULES = [*sentences(combinations), *(rule.partition("\\]:\\ ")[2] for rule in sentences(steps))]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_row(rule: str) -> None:
    assert any(re.fullmatch(rule, problem) for _, _, problem, _ in REFUSED)


def test_the_rules_are_found_in_the_source() -> None:
    assert len(RULES) >= 6


def test_rules_that_are_broken_together_are_reported_together(engine: Engine) -> None:
    text = f"{MACO} {SPECTRAL} stop_at: 1 best_of: 2 transforms {{ steps {{ jitter {{ px: 40 }} }} }}"
    found = problems(engine, f"spec {{ {text} }} frames {{ every_steps: 1 }}", InvalidRequest)
    assert set(found) == {"spec.penalties[0].kind", "spec.stop_at", "spec.transforms.steps[0]", "frames"}


def test_frames_of_several_attempts_are_refused(engine: Engine) -> None:
    found = problems(engine, "spec { best_of: 2 } frames { steps: 1 }", InvalidRequest)
    assert found == {"frames": "do not go with spec.best_of; ask for them with the seed of the best picture"}
    order(engine, "spec { best_of: 1 } frames { steps: 1 }")


# Values with which no size can be computed. Each has a violation of its own, and no other.
NO_SIZES = [
    ("scale { factor { range { low: nan high: nan } } }", {"low", "high"}),
    ("scale { factor { range { low: 1 high: inf } } }", {"high"}),
    ("scale { factor { range { low: 1 high: 1e30 } } }", {"high"}),
    ("scale { factor { set { values: nan } } }", {"values[0]"}),
    ("scale { factor { set {} } }", {"values"}),
    ("scale { factor { set { values: 1 } } sampling: 9 }", {"sampling"}),
    ("pad { px: 1 mode: 9 }", {"mode"}),
    ("pad { px: -100 }", {"px"}),
    ("center { size { height_px: -1 width_px: -1 } }", {"height_px", "width_px"}),
    ("crop_box { side { low: nan high: 1 } }", {"low"}),
    ("blur { deviation { low: nan high: nan } }", {"low", "high"}),
]


@pytest.mark.parametrize(("text", "fields"), NO_SIZES)
def test_sizes_are_not_computed_with_numbers_that_are_none(engine: Engine, text: str, fields: set[str]) -> None:
    found = problems(
        engine, f"spec {{ transforms {{ steps {{ {text} }} steps {{ jitter {{ px: 99 }} }} }} }}", InvalidRequest
    )
    assert {field.rpartition(".")[2] for field in found} == fields


# ----- counts: views, pictures and attempts -----

# The limits of a server by their names, and what a spec asks at most.
COUNTS = [("views", "max_views", 64), ("pictures", "max_pictures", 64), ("best_of", "max_best_of", 32)]


@pytest.mark.parametrize(("field", "limit", "most"), COUNTS)
def test_the_limit_of_a_count_is_obeyed_exactly(engine: Engine, field: str, limit: str, most: int) -> None:
    assert getattr(engine.info().limits, limit) == most
    for count in (1, most):
        assert getattr(order(engine, f"spec {{ {field}: {count} }}").recipe, field) == count
    for count in (0, -1, most + 1, 2**31 - 1, -(2**31)):
        found = problems(engine, f"spec {{ {field}: {count} }}", InvalidRequest)
        assert f"{count} is not in 1..{most}" in found[f"spec.{field}"]
        assert found.keys() <= {f"spec.{field}", "spec.views", "spec.pictures", "spec.steps"}
    assert getattr(order(engine, "").effective, field) == 1


# Views and pictures, and how many views of so many pictures the network sees at most.
TOGETHER = [(64, 2, None), (2, 64, None), (64, 3, 42), (3, 64, 2), (43, 3, 42), (42, 3, None), (1, 64, None)]


@pytest.mark.parametrize(("views", "pictures", "most"), TOGETHER)
def test_views_times_pictures_have_a_limit(engine: Engine, views: int, pictures: int, most: int | None) -> None:
    assert engine.info().limits.max_network_pictures == 128
    text = f"spec {{ steps: 1 views: {views} pictures: {pictures} }}"
    if most is None:
        assert order(engine, text).recipe.network_pictures == views * pictures
        return
    assert problems(engine, text, InvalidRequest) == {
        "spec.views": f"{views} of {pictures} pictures are {views * pictures}, and the network sees at most 128 at"
        f" once; up to {most} views of each"
    }


# The counts, the size that the network sees, and the most steps: 2**31 pixels of all of them in all.
COSTS = [
    ("views: 64 size { height_px: 256 width_px: 256 }", 512),
    ("views: 8 best_of: 8 size { height_px: 256 width_px: 256 }", 512),
    ("best_of: 32 size { height_px: 512 width_px: 256 }", 512),
    ("pictures: 2 best_of: 32 size { height_px: 256 width_px: 256 }", 512),
    ("views: 64 size { height_px: 1024 width_px: 1024 } view_size { height_px: 128 width_px: 128 }", 2048),
    ("size { height_px: 1024 width_px: 1024 } view_size { height_px: 32 width_px: 32 }", 2048),
]


@pytest.mark.parametrize(("text", "most"), COSTS)
def test_the_limit_of_pixels_and_steps_counts_views_pictures_and_attempts(engine: Engine, text: str, most: int) -> None:
    assert order(engine, f"spec {{ steps: {most} {text} }}").recipe.steps == most
    found = problems(engine, f"spec {{ steps: {most + 1} {text} }}", InvalidRequest)
    assert list(found) == ["spec.steps"]
    assert found["spec.steps"].endswith(f"at most {2**31} are made; at that size up to {most} steps")


# ----- the number to stop at -----


@pytest.mark.parametrize("value", [0, -1.5, 1e30, -1e30])
def test_a_number_to_stop_at_is_kept(engine: Engine, value: float) -> None:
    assert order(engine, f"spec {{ stop_at: {value} }}").recipe.stop_at == np.float32(value)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "2e30", "-3e38"])
def test_a_number_that_is_never_reached_is_refused(engine: Engine, value: str) -> None:
    found = problems(engine, f"spec {{ stop_at: {value} }}", InvalidRequest)
    assert re.fullmatch(r".* is not in -1e\+30\.\.1e\+30", found["spec.stop_at"])


# ----- the size that the network sees -----

VIEW_SIZES = [("0 8", "the height 0"), ("8 1025", "the width 1025"), ("-1 8", "the height -1")]


@pytest.mark.parametrize(("size", "problem"), VIEW_SIZES)
def test_the_size_that_the_network_sees_has_the_limits_of_a_picture(engine: Engine, size: str, problem: str) -> None:
    height, width = size.split()
    text = f"spec {{ view_size {{ height_px: {height} width_px: {width} }} }}"
    assert f"{problem} is not in 1..1024" in problems(engine, text, InvalidRequest)["spec.view_size"]


def test_a_layer_must_take_the_size_that_the_network_sees(engine: Engine) -> None:
    text = "spec { view_size { height_px: 7 width_px: 8 } size { height_px: 99 width_px: 99 } }"
    found = problems(engine, text, InvalidRequest)
    assert found == {
        "spec.view_size": "7 x 8 px (height x width): the height is less than 8, the least for layer 'conv1_1'"
    }
    order(engine, "spec { view_size { height_px: 8 width_px: 8 } size { height_px: 1 width_px: 1 } }")


def test_seeing_the_whole_picture_is_the_same_as_saying_nothing(engine: Engine) -> None:
    said, unsaid = order(engine, "spec { view_size { height_px: 32 width_px: 32 } }"), order(engine, "")
    assert (said.effective, said.digest, said.recipe) == (unsaid.effective, unsaid.digest, unsaid.recipe)


def test_a_position_of_a_neuron_is_one_of_what_the_network_sees(engine: Engine) -> None:
    objective = "objective { neuron { layer: 'pool1' } }"
    text = f"spec {{ {objective} view_size {{ height_px: 8 width_px: 16 }} }}"
    assert order(engine, text).recipe.terms[0].position == (2, 4)
