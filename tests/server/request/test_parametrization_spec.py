"""Parametrizations in a spec: what each field is if it is left out, and which values it takes.

`Range`, `rows` and `leaves` are for the tests of the other families of messages too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from google.protobuf.descriptor import FieldDescriptor as Field
from reverie_ascent.recipe import parametrization as recipe
from reverie_proto.v1 import parametrization_pb2
from reverie_proto.v1.visualization_pb2 import RenderImageRequest
from reverie_server import Engine, InvalidRequest

from tests.models import write_tiny_model
from tests.server.request.test_spec import order, problems, request


@dataclass(frozen=True)
class Range:
    """A number of a spec: its path, its least and greatest values, and what it is if it is left out.

    ``beside`` is the text of its siblings, which decide nothing but that the message is valid.
    """

    path: str
    low: float
    high: float
    default: float | None = None
    beside: str = ""
    whole: bool = False

    def text(self, value: object) -> str:
        """Return the text that sets the number."""
        return nested(self.path, value, self.beside)

    @property
    def outside(self) -> list[float]:
        """The nearest numbers outside, those far away, and those that are none."""
        if self.whole:
            return [self.low - 1, self.high + 1, -(2**31), 2**31 - 1]
        low, high = np.float32(self.low), np.float32(self.high)
        near = np.nextafter(low, np.float32(-np.inf)), np.nextafter(high, np.float32(np.inf))
        return [*map(float, near), 3e38, -3e38, float("inf"), float("-inf"), float("nan")]


def nested(path: str, value: object, beside: str = "") -> str:
    """Return the text of a field inside of messages, such as "pad { px: 3 }"."""
    *parents, name = path.split(".")
    text = f"{name}: {value} {beside}"
    for parent in reversed(parents):
        text = f"{parent} {{ {text} }}"
    return text


def get(message: Any, path: str) -> Any:
    """Return the value of a field inside of messages."""
    for name in path.split("."):
        message = getattr(message, name)
    return message


def rows(ranges: Iterable[Range], *, outside: bool) -> list[Any]:
    """Return a case for each number of each range: those outside of it, or its two ends."""
    return [
        pytest.param(each, value, id=f"{each.path} {value:g}")
        for each in ranges
        for value in (each.outside if outside else (each.low, each.high))
    ]


def leaves(descriptor: Any, *, within: str = "") -> Iterator[tuple[str, Field]]:
    """Return the path of each field that is not a message, and the field."""
    for field in descriptor.fields:
        if field.message_type is not None:
            yield from leaves(field.message_type, within=f"{within}{field.name}.")
        else:
            yield f"{within}{field.name}", field


PARAMETRIZATION = "spec {{ parametrization {{ {} }} }}"

RANGES = [
    Range("fourier.decay_power", 0, 4, 1),
    Range("fourier.deviation", 0, 10, 0.01),
    Range("fourier.divisor", 0.01, 1000, 4),
    Range("pixel.mean", -100, 100, 0),
    Range("pixel.deviation", 0, 10, 0.01),
    Range("laplacian.levels", 1, 10, 4, whole=True),
    Range("laplacian.deviation", 0, 10, 0.01),
    Range("maco.ddof", 0, 1, 0, whole=True),
    Range("maco.epsilon", 0, 1, 1e-5),
    Range("cppn.layers", 1, 32, 8, whole=True),
    Range("cppn.channels", 1, 128, 24, whole=True),
]

# The path of a choice, its names, and the one that is meant if it is left out.
CHOICES = [
    ("pixel.range", "1 (sigmoid), 2 (tanh), 3 (clamp), 4 (unbounded)", "PIXEL_RANGE_SIGMOID"),
    ("pixel.noise", "1 (normal), 2 (uniform)", "NOISE_KIND_NORMAL"),
    ("maco.noise", "1 (normal), 2 (uniform)", "NOISE_KIND_NORMAL"),
    ("fourier.colour.named", "1 (lucid), 2 (none)", "NAMED_COLOUR_BASIS_LUCID"),
    ("pixel.colour.named", "1 (lucid), 2 (none)", "NAMED_COLOUR_BASIS_NONE"),
    ("laplacian.colour.named", "1 (lucid), 2 (none)", "NAMED_COLOUR_BASIS_LUCID"),
    ("maco.colour.named", "1 (lucid), 2 (none)", "NAMED_COLOUR_BASIS_LUCID"),
]

NAN_MATRIX = ", ".join(["1"] * 4 + ["nan"] + ["1"] * 4)
TWELVE = ", ".join(["1"] * 12)
MEASURED = "maco { magnitude { measured { height: 2 width: 2 values: [%s] } } }"

# A mistake, the path of its field in the parametrization, and the description.
REFUSED = [
    ("fourier { colour { matrix { values: [1, 0, 0, 0, 1, 0, 0, 0] } } }", "fourier.colour.matrix.values", "has 8 nu"),
    ("pixel { colour { matrix { } } }", "pixel.colour.matrix.values", "has 0 numbers; a matrix of colours has 9"),
    (
        f"laplacian {{ colour {{ matrix {{ values: [{NAN_MATRIX}] }} }} }}",
        "laplacian.colour.matrix.values",
        "1 numbers are not finite, the first at index 4: nan",
    ),
    (
        f"maco {{ colour {{ matrix {{ values: [{', '.join('0' * 9)}] }} }} }}",
        "maco.colour.matrix.values",
        "all of its numbers are 0",
    ),
    (
        f"multi_resolution {{ resolutions: [{', '.join(['1'] * 129)}] }}",
        "multi_resolution.resolutions",
        r"129 is not in 1\.\.128 resolutions",
    ),
    (
        "multi_resolution { resolutions: [1, 33, 0, -1] }",
        "multi_resolution.resolutions[1]",
        r"33 is not in 1\.\.32, the picture's shorter side",
    ),
    ("multi_resolution { resolutions: [1, 33, 0] }", "multi_resolution.resolutions[2]", r"0 is not in 1\.\.32"),
    (
        "maco { magnitude { power_law { slopes: [1, 1] scales: [1, 1, 1] } } }",
        "maco.magnitude.power_law.slopes",
        "has 2 numbers; pictures of this model have 3 channels",
    ),
    (
        "maco { magnitude { power_law { slopes: [1, 1, 1] scales: [1, 1, 1, 1] } } }",
        "maco.magnitude.power_law.scales",
        "has 4 numbers; pictures of this model have 3 channels",
    ),
    (
        "maco { magnitude { power_law { slopes: [1, 1, 1] scales: [1, 1, -inf] } } }",
        "maco.magnitude.power_law.scales",
        "1 numbers are not finite, the first at index 2: -inf",
    ),
    ("maco { magnitude { power_law { } } }", "maco.magnitude.power_law.slopes", "has 0 numbers"),
    (
        "maco { magnitude { measured { height: 1 width: 2 } } }",
        "maco.magnitude.measured.height",
        r"1 is not in 2\.\.4096",
    ),
    (
        "maco { magnitude { measured { height: 2 width: 4097 } } }",
        "maco.magnitude.measured.width",
        r"4097 is not in 2\.\.4096",
    ),
    (MEASURED % "1, 1", "maco.magnitude.measured.values", "has 2 numbers; 3 x 2 x 2 are 12"),
    (MEASURED % f"nan, {TWELVE[3:]}", "maco.magnitude.measured.values", "the first at index 0: nan"),
    (MEASURED % f"{TWELVE[:-1]}-1", "maco.magnitude.measured.values", "has negative numbers; a magnitude has none"),
]


@pytest.mark.parametrize(("number", "value"), rows(RANGES, outside=False))
def test_both_ends_of_a_range_are_accepted(engine: Engine, number: Range, value: float) -> None:
    effective = order(engine, PARAMETRIZATION.format(number.text(value))).effective
    assert get(effective.parametrization, number.path) == np.float32(value)


@pytest.mark.parametrize(("number", "value"), rows(RANGES, outside=True))
def test_a_number_outside_of_its_range_is_refused_with_the_range(engine: Engine, number: Range, value: float) -> None:
    found = problems(engine, PARAMETRIZATION.format(number.text(value)), InvalidRequest)
    assert list(found) == [f"spec.parametrization.{number.path}"]
    assert f" is not in {number.low}..{number.high}" in found[f"spec.parametrization.{number.path}"]


@pytest.mark.parametrize("number", RANGES, ids=lambda each: each.path)
def test_a_number_that_is_left_out_is_its_default(engine: Engine, number: Range) -> None:
    effective = order(engine, PARAMETRIZATION.format(f"{number.path.partition('.')[0]} {{}}")).effective
    assert get(effective.parametrization, number.path) == np.float32(number.default)


@pytest.mark.parametrize(("path", "names", "default"), CHOICES)
def test_a_choice_has_names_and_a_default(engine: Engine, path: str, names: str, default: str) -> None:
    found = problems(engine, PARAMETRIZATION.format(nested(path, 99)), InvalidRequest)
    assert found == {f"spec.parametrization.{path}": f"99 is not one of {names}"}
    for text in (f"{path.partition('.')[0]} {{}}", nested(path, 0)):
        made = get(order(engine, PARAMETRIZATION.format(text)).effective.parametrization, path)
        assert parametrization_pb2.DESCRIPTOR.enum_types_by_name[enum_of(path)].values_by_number[made].name == default


def enum_of(path: str) -> str:
    """Return the name of the enum of a field of a parametrization."""
    found = dict(leaves(parametrization_pb2.Parametrization.DESCRIPTOR))[path].enum_type
    assert found is not None
    return found.name


@pytest.mark.parametrize(("text", "field", "problem"), REFUSED)
def test_a_list_that_does_not_fit_is_refused_with_what_fits(
    engine: Engine, text: str, field: str, problem: str
) -> None:
    found = problems(engine, PARAMETRIZATION.format(text), InvalidRequest)[f"spec.parametrization.{field}"]
    assert re.search(problem, found), found


def test_every_field_has_a_row() -> None:
    covered = {each.path for each in RANGES} | {path for path, _, _ in CHOICES}
    covered |= {re.sub(r"\[\d+\]", "", field) for _, field, _ in REFUSED}
    assert covered == {path for path, _ in leaves(parametrization_pb2.Parametrization.DESCRIPTOR)}


# ----- defaults that depend on other fields -----

MEANS = [("SIGMOID", 0), ("TANH", 0), ("CLAMP", 0.5), ("UNBOUNDED", 0.5)]

# Height, width, and the resolutions of Direct Ascent Synthesis: every fourth, and at most 128 of them.
RESOLUTIONS = [
    (32, 32, list(range(1, 33, 4))),
    (48, 64, list(range(1, 49, 4))),
    (9, 8, [1, 5]),
    (336, 336, list(range(1, 334, 4))),
    (1024, 1024, list(range(1, 1025, 8))),
]


@pytest.mark.parametrize(("kind", "mean"), MEANS)
def test_the_first_pixels_are_grey_whatever_their_range(engine: Engine, kind: str, mean: float) -> None:
    made = order(engine, PARAMETRIZATION.format(f"pixel {{ range: PIXEL_RANGE_{kind} }}")).recipe.parametrization
    assert made == recipe.Pixel(kind.lower(), mean, 0.01)  # type: ignore[arg-type]


@pytest.mark.parametrize(("height", "width", "expected"), RESOLUTIONS)
def test_resolutions_go_up_to_the_shorter_side(engine: Engine, height: int, width: int, expected: list[int]) -> None:
    size = f"size {{ height_px: {height} width_px: {width} }}"
    made = order(engine, f"spec {{ {size} parametrization {{ multi_resolution {{}} }} }}")
    assert list(made.effective.parametrization.multi_resolution.resolutions) == expected
    assert made.recipe.parametrization == recipe.MultiResolution(tuple(expected))


def test_a_magnitude_is_ours_unless_it_is_given(engine: Engine) -> None:
    law = order(engine, PARAMETRIZATION.format("maco {}")).effective.parametrization.maco.magnitude.power_law
    assert list(law.slopes) == [np.float32(each) for each in (1.316, 1.427, 1.246)]
    assert list(law.scales) == [np.float32(each) for each in (4.155, 3.526, 4.955)]


def test_a_measured_magnitude_is_kept_number_by_number(engine: Engine) -> None:
    text = MEASURED % ", ".join(map(str, range(12)))
    made = order(engine, PARAMETRIZATION.format(text)).recipe.parametrization
    assert isinstance(made, recipe.Maco)
    assert made.magnitude == recipe.Measured.of(2, 2, range(12))


# A parametrization as it is sent, and the one of the recipe.
RECIPES = [
    ("fourier { decay_power: 1.5 deviation: 0.02 divisor: 5 }", recipe.Fourier(1.5, 0.02, 5)),
    ("fourier { colour { named: NAMED_COLOUR_BASIS_NONE } }", recipe.Fourier(colour="none")),
    (
        "pixel { range: PIXEL_RANGE_CLAMP deviation: 0.5 noise: NOISE_KIND_UNIFORM }",
        recipe.Pixel("clamp", 0.5, 0.5, "uniform"),
    ),
    ("laplacian { levels: 6 }", recipe.Laplacian(6)),
    (
        "laplacian { colour { matrix { values: [1, 0, 0, 0, 1, 0, 0, 0, 1] } } }",
        recipe.Laplacian(colour=(1, 0, 0, 0, 1, 0, 0, 0, 1)),
    ),
    ("multi_resolution { resolutions: [32, 1] }", recipe.MultiResolution((32, 1))),
    (
        "maco { ddof: 1 epsilon: 1e-4 magnitude { power_law { slopes: [1, 1, 1] scales: [2, 2, 2] } } }",
        recipe.Maco(recipe.PowerLaw((1, 1, 1), (2, 2, 2)), 1, 1e-4),
    ),
    ("cppn { layers: 2 channels: 16 }", recipe.Cppn(2, 16)),
]


@pytest.mark.parametrize(("text", "expected"), RECIPES)
def test_a_parametrization_is_that_of_the_recipe_and_resolves_to_itself(
    engine: Engine, text: str, expected: recipe.Parametrization
) -> None:
    made = order(engine, PARAMETRIZATION.format(text))
    assert made.recipe.parametrization == expected
    again = engine.check(RenderImageRequest(spec=made.effective))
    assert (again.effective, again.digest, again.recipe) == (made.effective, made.digest, made.recipe)


def test_every_parametrization_becomes_one_of_the_recipe() -> None:
    kinds = {field.name for field in parametrization_pb2.Parametrization.DESCRIPTOR.fields}
    assert {text.partition(" ")[0] for text, _ in RECIPES} == kinds


# ----- pictures of other channels -----


@pytest.fixture(scope="module", params=[1, 4])
def other(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, int]]:
    """An engine whose model takes pictures of another number of channels, and the number."""
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder / "tiny", channels=request.param)
    with Engine([folder], device="cpu", threads=1) as engine:
        yield engine, request.param


def test_a_magnitude_has_a_number_for_each_channel_of_the_model(other: tuple[Engine, int]) -> None:
    engine, channels = other
    made = order(engine, PARAMETRIZATION.format("maco {}"))
    law = made.effective.parametrization.maco.magnitude.power_law
    assert len(law.slopes) == len(law.scales) == channels
    text = "maco { magnitude { power_law { slopes: [1, 1, 1] scales: [1, 1, 1] } } }"
    found = problems(engine, PARAMETRIZATION.format(text), InvalidRequest)
    assert set(found.values()) == {f"has 3 numbers; pictures of this model have {channels} channels"}
    found = problems(engine, PARAMETRIZATION.format(MEASURED % TWELVE), InvalidRequest)
    assert list(found.values()) == [f"has 12 numbers; {channels} x 2 x 2 are {4 * channels}"]


@pytest.mark.parametrize("kind", ["fourier", "pixel", "laplacian", "maco"])
def test_colours_are_for_three_channels(other: tuple[Engine, int], kind: str) -> None:
    engine, channels = other
    matrix = "matrix { values: [1, 0, 0, 0, 1, 0, 0, 0, 1] }"
    found = problems(engine, PARAMETRIZATION.format(f"{kind} {{ colour {{ {matrix} }} }}"), InvalidRequest)
    expected = f"is for pictures of 3 channels; those of this model have {channels}"
    assert found == {f"spec.parametrization.{kind}.colour": expected}


@pytest.mark.parametrize("kind", ["fourier", "pixel", "laplacian", "multi_resolution", "maco", "cppn"])
def test_a_spec_of_other_channels_resolves_to_itself(other: tuple[Engine, int], kind: str) -> None:
    made = order(other[0], PARAMETRIZATION.format(f"{kind} {{}}"))
    again = other[0].check(RenderImageRequest(spec=made.effective))
    assert (again.effective, again.digest) == (made.effective, made.digest)


def test_all_violations_of_a_parametrization_are_reported_at_once(engine: Engine) -> None:
    text = "pixel { range: 9 mean: nan deviation: -1 noise: 9 colour { matrix { values: 1 } } }"
    with pytest.raises(InvalidRequest) as refusal:
        engine.check(request(PARAMETRIZATION.format(text)))
    fields = {violation.field.removeprefix("spec.parametrization.pixel.") for violation in refusal.value.violations}
    assert fields == {"range", "mean", "deviation", "noise", "colour.matrix.values"}
