"""Transforms in a spec: what each field is if it is left out, which values it takes, and the named sets."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from reverie_ascent.recipe import transform as recipe
from reverie_proto.v1 import transform_pb2
from reverie_proto.v1.visualization_pb2 import RenderImageRequest
from reverie_server import Engine, InvalidRequest, Limits
from reverie_server.request.transform_sets import TRANSFORM_SETS

from tests.server.request.test_parametrization_spec import Range, get, leaves, nested, rows
from tests.server.request.test_spec import order, problems

PLACE = "spec.transforms.steps[1]"

RANGES = [
    Range("pad.px", 0, 1024, 0, whole=True),
    Range("pad.value", -10, 10, 0.5),
    Range("jitter.px", 0, 1024, 0, whole=True),
    Range("translate.low", -1024, 1024, 0, "high: 1024", whole=True),
    Range("translate.high", -1024, 1024, 0, "low: -1024", whole=True),
    Range("roll.px", 0, 1024, 0, whole=True),
    Range("scale.factor.range.low", 0.05, 20.0, None, "high: 20"),
    Range("scale.factor.range.high", 0.05, 20.0, None, "low: 0.05"),
    Range("rotate.degrees.range.low", -360.0, 360.0, None, "high: 360"),
    Range("rotate.degrees.range.high", -360.0, 360.0, None, "low: -360"),
    Range("crop_box.side.low", 0.01, 1, None, "high: 1"),
    Range("crop_box.side.high", 0.01, 1, None, "low: 0.01"),
    Range("center.size.height_px", 1, 4096, None, "width_px: 9", whole=True),
    Range("center.size.width_px", 1, 4096, None, "height_px: 9", whole=True),
    Range("flip.probability", 0, 1, 0.5),
    Range("noise.deviation", 0, 10, 0),
    Range("noise.low", -10, 10, 0, "high: 10"),
    Range("noise.high", -10, 10, 0, "low: -10"),
    Range("colour_shift.scale", 0, 10, 1),
    Range("colour_shift.offset", 0, 10, 1),
    Range("blur.deviation.low", 0.05, 32, None, "high: 32"),
    Range("blur.deviation.high", 0.05, 32, None, "low: 0.05"),
    Range("resize.size.height_px", 1, 4096, None, "width_px: 9", whole=True),
    Range("resize.size.width_px", 1, 4096, None, "height_px: 9", whole=True),
]

# Numbers that stand beside a message which is required.
INSIDE = [
    (Range("side_deviation", 0, 1), "crop_box { %s side { low: 0.1 high: 1 } }"),
    (Range("centre_deviation", 0, 1), "crop_box { %s side { low: 0.1 high: 1 } }"),
    (Range("kernel", 1, 65, whole=True), "blur { %s deviation { low: 1 high: 1 } }"),
]

FACTOR = "factor { set { values: 1 } }"
DEGREES = "degrees { set { values: 1 } }"
SIDE = "side { low: 0.1 high: 1 }"
SAMPLINGS = "1 (legacy), 2 (half_pixel), 3 (align_corners)"
INTERPOLATIONS = "1 (bilinear), 2 (bicubic), 3 (nearest)"

# The path of a choice, its siblings, its names, and the number of the one that is meant if it is left out.
CHOICES = [
    ("pad.mode", "", "1 (constant), 2 (reflect)", 1),
    ("scale.sampling", FACTOR, SAMPLINGS, 1),
    ("scale.interpolation", FACTOR, INTERPOLATIONS, 1),
    ("rotate.interpolation", DEGREES, INTERPOLATIONS, 3),
    ("crop_box.interpolation", SIDE, INTERPOLATIONS, 1),
    ("resize.sampling", "", SAMPLINGS, 2),
    ("resize.interpolation", "", INTERPOLATIONS, 1),
]

# Truth values that are false if they are left out, and their siblings.
FLAGS = [
    ("scale.separate", FACTOR),
    ("noise.fading", ""),
    ("noise.per_channel", ""),
    ("noise.clipped", ""),
    ("colour_shift.inverse", ""),
]

# A mistake, the path of its field in the transform, and the description.
REFUSED = [
    ("", "", "is required: one of pad, jitter, translate, .* resize$"),
    ("scale {}", ".scale.factor", "is required: one of set, range"),
    ("rotate {}", ".rotate.degrees", "is required: one of set, range"),
    ("scale { factor { set {} } }", ".scale.factor.set.values", r"0 is not in 1\.\.256 values"),
    (
        f"scale {{ factor {{ set {{ values: [{', '.join(['1'] * 257)}] }} }} }}",
        ".scale.factor.set.values",
        r"257 is not in 1\.\.256 values",
    ),
    ("scale { factor { set { values: [1, nan] } } }", ".scale.factor.set.values[1]", r"nan is not in 0\.05\.\.20"),
    ("scale { factor { set { values: [0, 1] } } }", ".scale.factor.set.values[0]", r"0 is not in 0\.05\.\.20"),
    ("scale { factor { set { values: [1, 1, inf] } } }", ".scale.factor.set.values[2]", "inf is not in"),
    ("scale { factor { range { low: 1.1 high: 0.9 } } }", ".scale.factor.range", "low 1.1 is more than high 0.9"),
    ("scale { factor { range { low: 1 high: 1e9 } } }", ".scale.factor.range.high", r"1e\+09 is not in 0\.05\.\.20"),
    (
        "rotate { degrees { set { values: [0, 361] } } }",
        ".rotate.degrees.set.values[1]",
        r"361 is not in -360\.0\.\.360",
    ),
    ("rotate { degrees { range { low: 1 high: -1 } } }", ".rotate.degrees.range", "low 1 is more than high -1"),
    (
        f"rotate {{ {DEGREES} interpolation: INTERPOLATION_BICUBIC }}",
        ".rotate.interpolation",
        "bicubic is not one of nearest, bilinear",
    ),
    ("translate { low: 2 high: 1 }", ".translate", "low 2 is more than high 1"),
    ("noise { low: 0.2 high: 0.1 }", ".noise", "low 0.2 is more than high 0.1"),
    ("noise { low: 1 }", ".noise", "low 1 is more than high 0"),
    ("crop_box {}", ".crop_box.side", "is required: a range of shares of the picture's side"),
    ("crop_box { side { low: 0.5 high: 0.4 } }", ".crop_box.side", "low 0.5 is more than high 0.4"),
    ("center {}", ".center.size.height_px", r"0 is not in 1\.\.4096"),
    ("resize { size { height_px: 9 } }", ".resize.size.width_px", r"0 is not in 1\.\.4096"),
    ("blur {}", ".blur.deviation.low", r"0 is not in 0\.05\.\.32"),
    ("blur {}", ".blur.deviation.high", r"0 is not in 0\.05\.\.32"),
    ("blur { deviation { low: 2 high: 1 } }", ".blur.deviation", "low 2 is more than high 1"),
]


def border(text: str) -> int:
    """Return the border with which a jitter may take 1024 px from the picture, and a scale may enlarge it 20 times."""
    return 512 if text.startswith("jitter") else 8


def second(text: str) -> str:
    """Return a request whose second transform is one as text, after a border."""
    return f"spec {{ transforms {{ steps {{ pad {{ px: {border(text)} }} }} steps {{ {text} }} }} }}"


def inside(number: Range, within: str, value: float) -> str:
    return second(within % f"{number.path}: {value}")


@pytest.mark.parametrize(("number", "value"), rows(RANGES, outside=False))
def test_both_ends_of_a_range_are_accepted(engine: Engine, number: Range, value: float) -> None:
    effective = order(engine, second(number.text(value))).effective
    assert get(effective.transforms.steps[1], number.path) == np.float32(value)


@pytest.mark.parametrize(("number", "value"), rows(RANGES, outside=True))
def test_a_number_outside_of_its_range_is_refused_with_the_range(engine: Engine, number: Range, value: float) -> None:
    found = problems(engine, second(number.text(value)), InvalidRequest)
    assert f" is not in {number.low}..{number.high}" in found[f"{PLACE}.{number.path}"]
    assert all(field.startswith(PLACE) for field in found)  # `low` is then more than `high`, or the reverse


@pytest.mark.parametrize(("number", "within"), INSIDE, ids=lambda each: getattr(each, "path", ""))
def test_a_number_beside_a_message_has_a_range_too(engine: Engine, number: Range, within: str) -> None:
    kind = within.partition(" ")[0]
    for value in (number.low, number.high):
        effective = order(engine, inside(number, within, value)).effective
        assert get(effective.transforms.steps[1], f"{kind}.{number.path}") == value
    for value in number.outside:
        found = problems(engine, inside(number, within, value), InvalidRequest)
        assert list(found) == [f"{PLACE}.{kind}.{number.path}"]
        assert f" is not in {number.low}..{number.high}" in found[f"{PLACE}.{kind}.{number.path}"]


@pytest.mark.parametrize("number", [each for each in RANGES if each.default is not None], ids=lambda each: each.path)
def test_a_number_that_is_left_out_is_its_default(engine: Engine, number: Range) -> None:
    effective = order(engine, second(f"{number.path.partition('.')[0]} {{}}")).effective
    assert get(effective.transforms.steps[1], number.path) == np.float32(number.default)


@pytest.mark.parametrize(("path", "beside", "names", "default"), CHOICES)
def test_a_choice_has_names_and_a_default(engine: Engine, path: str, beside: str, names: str, default: int) -> None:
    for value in (99, -1):
        found = problems(engine, second(nested(path, value, beside)), InvalidRequest)
        assert found == {f"{PLACE}.{path}": f"{value} is not one of {names}"}
    for text in (f"{path.partition('.')[0]} {{ {beside} }}", nested(path, 0, beside)):
        assert get(order(engine, second(text)).effective.transforms.steps[1], path) == default


@pytest.mark.parametrize(("path", "beside"), FLAGS)
def test_a_flag_is_false_unless_it_is_set(engine: Engine, path: str, beside: str) -> None:
    left_out = order(engine, second(f"{path.partition('.')[0]} {{ {beside} }}")).effective
    message, name = path.split(".")
    assert getattr(left_out.transforms.steps[1], message).HasField(name)
    assert get(left_out.transforms.steps[1], path) is False
    made = order(engine, second(nested(path, "true", beside))).effective
    assert get(made.transforms.steps[1], path) is True


@pytest.mark.parametrize(("text", "field", "problem"), REFUSED)
def test_a_mistake_is_refused_with_what_is_allowed(engine: Engine, text: str, field: str, problem: str) -> None:
    found = problems(engine, second(text), InvalidRequest)[PLACE + field]
    assert re.search(problem, found), found


def test_every_field_has_a_row() -> None:
    covered = {each.path for each in RANGES} | {path for path, *_ in CHOICES} | {path for path, _ in FLAGS}
    covered |= {f"{within.partition(' ')[0]}.{number.path}" for number, within in INSIDE}
    covered |= {"scale.factor.set.values", "rotate.degrees.set.values"}  # among those refused
    assert covered == {path for path, _ in leaves(transform_pb2.Transform.DESCRIPTOR)}


# ----- defaults that depend on other fields -----

# The largest standard deviation of a blur in pixels, and the kernel: 6 times that, made odd, and at most 65.
KERNELS = [(0.05, 1), (0.5, 3), (1, 7), (1.1, 7), (2, 13), (10.6, 63), (10.7, 65), (11, 65), (32, 65)]


@pytest.mark.parametrize(("deviation", "kernel"), KERNELS)
def test_a_blur_is_as_wide_as_its_largest_deviation_needs(engine: Engine, deviation: float, kernel: int) -> None:
    text = second(f"blur {{ deviation {{ low: 0.05 high: {deviation} }} }}")
    assert order(engine, text).effective.transforms.steps[1].blur.kernel == kernel


# A transform as it is sent, and the one of the recipe: every number is the decimal that was sent.
RECIPES: list[tuple[str, recipe.Transform]] = [
    ("pad { px: 3 mode: PAD_MODE_REFLECT }", recipe.Pad(3, "reflect")),
    ("pad { px: 3 value: 0.1 }", recipe.Pad(3, value=0.1)),
    ("jitter { px: 3 }", recipe.Jitter(3)),
    ("translate { low: -1 high: 3 }", recipe.Translate(-1, 3)),
    ("roll { px: 3 }", recipe.Roll(3)),
    (
        "scale { factor { range { low: 0.9 high: 1.1 } } separate: true sampling: SAMPLING_ALIGN_CORNERS"
        " interpolation: INTERPOLATION_BICUBIC }",
        recipe.Scale(recipe.Uniform(0.9, 1.1), True, "align_corners", "bicubic"),
    ),
    ("scale { factor { set { values: [0.9, 1.1] } } }", recipe.Scale(recipe.OneOf((0.9, 1.1)))),
    (
        "rotate { degrees { range { low: -5.5 high: 5 } } interpolation: INTERPOLATION_BILINEAR }",
        recipe.Rotate(recipe.Uniform(-5.5, 5), "bilinear"),
    ),
    ("crop_box { side { low: 0.1 high: 0.3 } }", recipe.CropBox(recipe.Uniform(0.1, 0.3))),
    (
        "crop_box { side { low: 0.1 high: 0.3 } side_deviation: 0.05 centre_deviation: 0.15 }",
        recipe.CropBox(recipe.Uniform(0.1, 0.3), 0.05, 0.15),
    ),
    ("center { size { height_px: 4 width_px: 5 } }", recipe.Center((4, 5))),
    ("flip {}", recipe.Flip(0.5)),
    (
        "noise { deviation: 0.1 low: -0.2 high: 0.3 fading: true per_channel: true clipped: true }",
        recipe.Noise(0.1, -0.2, 0.3, True, True, True),
    ),
    ("colour_shift { scale: 0.1 offset: 0.2 inverse: true }", recipe.ColourShift(0.1, 0.2, True)),
    ("blur { deviation { low: 0.1 high: 1.1 } kernel: 9 }", recipe.Blur(recipe.Uniform(0.1, 1.1), 9)),
    ("resize {}", recipe.Resize()),
    (
        "resize { size { height_px: 4 width_px: 5 } sampling: SAMPLING_LEGACY interpolation: INTERPOLATION_NEAREST }",
        recipe.Resize((4, 5), "legacy", "nearest"),
    ),
]


@pytest.mark.parametrize(("text", "expected"), RECIPES)
def test_a_transform_is_that_of_the_recipe_and_resolves_to_itself(
    engine: Engine, text: str, expected: recipe.Transform
) -> None:
    made = order(engine, second(text))
    assert made.recipe.transforms == (recipe.Pad(border(text)), expected)
    again = engine.check(RenderImageRequest(spec=made.effective))
    assert (again.effective, again.digest, again.recipe) == (made.effective, made.digest, made.recipe)


def test_every_transform_becomes_one_of_the_recipe() -> None:
    kinds = {field.name for field in transform_pb2.Transform.DESCRIPTOR.fields}
    assert {text.partition(" ")[0] for text, _ in RECIPES} == kinds


# ----- named sets -----

#: The numbers of lucid are those of Lucid's standard_transforms (optvis/transform.py).
SETS: dict[str, tuple[recipe.Transform, ...]] = {
    "none": (),
    "lucid": (
        recipe.Pad(12, "constant", 0.5),
        recipe.Jitter(8),
        recipe.Scale(recipe.OneOf((0.9, 0.92, 0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06, 1.08, 1.1))),
        recipe.Rotate(recipe.OneOf((*map(float, range(-10, 11)), 0.0, 0.0, 0.0, 0.0, 0.0)), "nearest"),
        recipe.Jitter(4),
    ),
    "calm": (
        recipe.Pad(8, "reflect"),
        recipe.Jitter(16),
        recipe.Scale(recipe.Uniform(0.95, 1.05), sampling="half_pixel"),
        recipe.Noise(0.05),
    ),
}


def test_every_set_has_a_row() -> None:
    assert SETS.keys() == TRANSFORM_SETS.keys()
    assert all(each.description for each in TRANSFORM_SETS.values())


@pytest.mark.parametrize(("name", "expected"), SETS.items())
def test_a_named_set_is_replaced_by_its_steps(
    engine: Engine, name: str, expected: tuple[recipe.Transform, ...]
) -> None:
    made = order(engine, f"spec {{ transforms {{ set: '{name}' }} }}")
    assert made.recipe.transforms == expected
    assert not made.effective.transforms.HasField("set")
    sent = RenderImageRequest.FromString(RenderImageRequest(spec=made.effective).SerializeToString())
    again = engine.check(sent)
    assert (again.effective, again.digest, again.recipe) == (made.effective, made.digest, made.recipe)


def test_lucids_set_is_that_of_a_recipe_that_says_none(engine: Engine) -> None:
    assert order(engine, "spec { transforms { set: 'lucid' } }").recipe.transforms == recipe.LUCID


def test_an_empty_list_means_no_transforms_and_not_the_presets(engine: Engine) -> None:
    empty, none = order(engine, "spec { transforms {} }"), order(engine, "spec { transforms { set: 'none' } }")
    assert (empty.effective, empty.digest) == (none.effective, none.digest)


def test_a_set_beside_steps_is_refused(engine: Engine) -> None:
    found = problems(engine, "spec { transforms { set: 'lucid' steps { jitter { px: 4 } } } }", InvalidRequest)
    assert found == {"spec.transforms": "has a set and steps; give one of them"}


# ----- limits -----


def test_the_limit_of_transforms_is_obeyed_exactly(models: Path) -> None:
    flips = ["steps { flip {} } " * count for count in (3, 4)]
    with Engine([models], device="cpu", threads=1, limits=Limits(max_transforms=3)) as engine:
        assert engine.info().limits.max_transforms == 3
        assert len(order(engine, f"spec {{ transforms {{ {flips[0]} }} }}").recipe.transforms) == 3
        found = problems(engine, f"spec {{ transforms {{ {flips[1]} }} }}", InvalidRequest)
    assert found == {"spec.transforms.steps": "4 is not in 0..3 transforms"}


def test_the_limit_of_transforms_is_64_by_default(engine: Engine) -> None:
    assert engine.info().limits.max_transforms == 64
    assert len(order(engine, f"spec {{ transforms {{ {'steps { flip {} } ' * 64} }} }}").recipe.transforms) == 64
    found = problems(engine, f"spec {{ transforms {{ {'steps { flip {} } ' * 65} }} }}", InvalidRequest)
    assert found == {"spec.transforms.steps": "65 is not in 0..64 transforms"}


def test_all_violations_of_a_list_are_reported_at_once(engine: Engine) -> None:
    steps = "steps { jitter { px: -1 } } steps {} steps { flip { probability: 2 } } steps { blur {} }"
    found = problems(engine, f"spec {{ transforms {{ {steps} }} robustness: true views: 0 }}", InvalidRequest)
    assert list(found) == [
        "spec.views",
        "spec.transforms.steps[0].jitter.px",
        "spec.transforms.steps[1]",
        "spec.transforms.steps[2].flip.probability",
        "spec.transforms.steps[3].blur.deviation.low",
        "spec.transforms.steps[3].blur.deviation.high",
    ]
