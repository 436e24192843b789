"""The vocabulary of specs: every argument of every builder has a field, and a message is read as it was written."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import reverie
from google.protobuf import text_format
from google.protobuf.message import Message
from reverie import optimizers, parametrizations, penalties, regions, schedules, spec, transforms, values
from reverie_proto.options import choices
from reverie_proto.v1 import objective_pb2, optimizer_pb2, parametrization_pb2, spec_pb2, transform_pb2

Builder = Callable[..., Any]

MODULES = (optimizers, parametrizations, penalties, regions, schedules, transforms)
MESSAGES: dict[type[Any], type[Message]] = {
    values.Parametrization: parametrization_pb2.Parametrization,
    values.Magnitude: parametrization_pb2.Magnitude,
    values.Transform: transform_pb2.Transform,
    values.RandomNumber: transform_pb2.RandomNumber,
    values.Schedule: optimizer_pb2.Schedule,
    values.Optimizer: optimizer_pb2.Optimizer,
    values.Region: objective_pb2.Region,
    values.Penalty: optimizer_pb2.Penalty,
}
#: Protobuf's oneofs of kinds that are not values of their own: an objective has a module, a basis is a name or numbers.
WITHOUT_CLASS = {"reverie.v1.Objective", "reverie.v1.ColourBasis"}

MATRIX = (0.5, 0.25, 0.0, 0.5, 0.0, -0.25, 0.5, -0.25, 0.125)
LAW = parametrizations.power_law(slopes=(1.0, 1.5, 2.0), scales=(4.0, 2.0, 1.0))

# A builder, all of its arguments, and the message. Numbers are those that float32 holds exactly.
ROWS: list[tuple[Builder, dict[str, Any], str]] = [
    (
        parametrizations.fourier,
        {"decay_power": 1.5, "deviation": 0.0, "divisor": 2.0, "colour": MATRIX},
        "fourier { decay_power: 1.5 deviation: 0 divisor: 2 "
        "colour { matrix { values: [0.5, 0.25, 0, 0.5, 0, -0.25, 0.5, -0.25, 0.125] } } }",
    ),
    (
        parametrizations.pixel,
        {"range": "tanh", "mean": 0.0, "deviation": 0.5, "noise": "uniform", "colour": "lucid"},
        "pixel { range: PIXEL_RANGE_TANH mean: 0 deviation: 0.5 noise: NOISE_KIND_UNIFORM "
        "colour { named: NAMED_COLOUR_BASIS_LUCID } }",
    ),
    (
        parametrizations.laplacian,
        {"levels": 3, "deviation": 0.5, "colour": "none"},
        "laplacian { levels: 3 deviation: 0.5 colour { named: NAMED_COLOUR_BASIS_NONE } }",
    ),
    (
        parametrizations.multi_resolution,
        {"resolutions": (1, 5, 9)},
        "multi_resolution { resolutions: [1, 5, 9] }",
    ),
    (
        parametrizations.maco,
        {"magnitude": LAW, "ddof": 1, "epsilon": 0.5, "noise": "normal", "colour": "lucid"},
        "maco { magnitude { power_law { slopes: [1, 1.5, 2] scales: [4, 2, 1] } } ddof: 1 epsilon: 0.5 "
        "noise: NOISE_KIND_NORMAL colour { named: NAMED_COLOUR_BASIS_LUCID } }",
    ),
    (parametrizations.cppn, {"layers": 2, "channels": 16}, "cppn { layers: 2 channels: 16 }"),
    (
        parametrizations.power_law,
        {"slopes": (1.0, 2.0), "scales": (0.0, 0.5)},
        "power_law { slopes: [1, 2] scales: [0, 0.5] }",
    ),
    (
        parametrizations.measured,
        {"height": 2, "width": 2, "values": (0.5, 1.0, 2.0, 0.0)},
        "measured { height: 2 width: 2 values: [0.5, 1, 2, 0] }",
    ),
    (transforms.one_of, {"values": (0.5, 1.0, -2.0)}, "set { values: [0.5, 1, -2] }"),
    (transforms.between, {"low": -1.0, "high": 0.0}, "range { low: -1 high: 0 }"),
    (
        transforms.pad,
        {"px": 12, "mode": "reflect", "value": 0.0},
        "pad { px: 12 mode: PAD_MODE_REFLECT value: 0 }",
    ),
    (transforms.jitter, {"px": 0}, "jitter { px: 0 }"),
    (transforms.translate, {"low": -3, "high": 0}, "translate { low: -3 high: 0 }"),
    (transforms.roll, {"px": 8}, "roll { px: 8 }"),
    (
        transforms.scale,
        {
            "factor": transforms.between(0.5, 1.5),
            "separate": True,
            "sampling": "half_pixel",
            "interpolation": "bicubic",
        },
        "scale { factor { range { low: 0.5 high: 1.5 } } separate: true sampling: SAMPLING_HALF_PIXEL "
        "interpolation: INTERPOLATION_BICUBIC }",
    ),
    (
        transforms.rotate,
        {"degrees": transforms.one_of(-5.0, 0.0, 5.0), "interpolation": "nearest"},
        "rotate { degrees { set { values: [-5, 0, 5] } } interpolation: INTERPOLATION_NEAREST }",
    ),
    (
        transforms.crop_box,
        {"side": (0.25, 0.75), "side_deviation": 0.125, "centre_deviation": 0.0, "interpolation": "bilinear"},
        "crop_box { side { low: 0.25 high: 0.75 } side_deviation: 0.125 centre_deviation: 0 "
        "interpolation: INTERPOLATION_BILINEAR }",
    ),
    (transforms.center, {"size": (32, 48)}, "center { size { height_px: 32 width_px: 48 } }"),
    (transforms.flip, {"probability": 0.0}, "flip { probability: 0 }"),
    (
        transforms.noise,
        {"deviation": 0.5, "low": -0.25, "high": 0.25, "fading": True, "per_channel": False, "clipped": True},
        "noise { deviation: 0.5 low: -0.25 high: 0.25 fading: true per_channel: false clipped: true }",
    ),
    (
        transforms.colour_shift,
        {"scale": 0.5, "offset": 0.0, "inverse": True},
        "colour_shift { scale: 0.5 offset: 0 inverse: true }",
    ),
    (transforms.blur, {"deviation": (0.5, 2.0), "kernel": 7}, "blur { deviation { low: 0.5 high: 2 } kernel: 7 }"),
    (
        transforms.resize,
        {"size": (64, 32), "sampling": "align_corners", "interpolation": "nearest"},
        "resize { size { height_px: 64 width_px: 32 } sampling: SAMPLING_ALIGN_CORNERS "
        "interpolation: INTERPOLATION_NEAREST }",
    ),
    (schedules.constant, {}, "constant {}"),
    (schedules.one_cycle, {}, "one_cycle {}"),
    (schedules.cosine, {"warm_up": 0, "end": 0.25}, "cosine { warm_up: 0 end: 0.25 }"),
    (
        optimizers.adam,
        {
            "beta1": 0.0,
            "beta2": 0.5,
            "epsilon": 0.125,
            "epsilon_place": "after_correction",
            "weight_decay": 0.25,
            "clip_norm": 1.0,
        },
        "adam { beta1: 0 beta2: 0.5 epsilon: 0.125 epsilon_place: EPSILON_PLACE_AFTER_CORRECTION "
        "weight_decay: 0.25 clip_norm: 1 }",
    ),
    (
        optimizers.nadam,
        {"beta1": 0.5, "beta2": 0.75, "epsilon": 0.0, "momentum_decay": 0.25},
        "nadam { beta1: 0.5 beta2: 0.75 epsilon: 0 momentum_decay: 0.25 }",
    ),
    (
        optimizers.sgd,
        {"momentum": 0.5, "normalization": "mean_absolute"},
        "sgd { momentum: 0.5 normalization: NORMALIZATION_MEAN_ABSOLUTE }",
    ),
    (
        regions.box,
        {"top": 0.0, "left": 0.25, "bottom": 0.5, "right": 1.0},
        "box { top: 0 left: 0.25 bottom: 0.5 right: 1 }",
    ),
    (
        regions.mask,
        {"weights": [[1, 0, 2], [0, 1, 0]]},
        "mask { height: 2 width: 3 weights: [1, 0, 2, 0, 1, 0] }",
    ),
    (penalties.l1, {"weight": 0.5, "constant": 0.0}, "kind: PENALTY_KIND_L1 weight: 0.5 constant: 0"),
    (penalties.l2, {"weight": 0.0, "constant": 0.25}, "kind: PENALTY_KIND_L2 weight: 0 constant: 0.25"),
    (
        penalties.l_infinity,
        {"weight": -2.0, "constant": 1.0},
        "kind: PENALTY_KIND_L_INFINITY weight: -2 constant: 1",
    ),
    (penalties.tv, {"weight": 0.25}, "kind: PENALTY_KIND_TV weight: 0.25"),
    (penalties.tv_mean, {"weight": 0.25}, "kind: PENALTY_KIND_TV_MEAN weight: 0.25"),
    (penalties.tv_four_norm, {"weight": 0.25}, "kind: PENALTY_KIND_TV_FOUR_NORM weight: 0.25"),
    (penalties.tv_four_norm_mean, {"weight": 0.25}, "kind: PENALTY_KIND_TV_FOUR_NORM_MEAN weight: 0.25"),
    (penalties.blur, {"weight": 0.25}, "kind: PENALTY_KIND_BLUR weight: 0.25"),
    (penalties.spectral, {"weight": 0.25}, "kind: PENALTY_KIND_SPECTRAL weight: 0.25"),
]

# For arguments that a type checker would refuse.
P: Any = parametrizations
T: Any = transforms
A32 = np.float32
# A value of arrays or of numpy's numbers, and the equal one of plain numbers.
ARRAYS: list[tuple[Any, Any]] = [
    (P.fourier(colour=np.array(MATRIX)), P.fourier(colour=MATRIX)),
    (P.fourier(colour=list(MATRIX)), P.fourier(colour=MATRIX)),
    (
        P.pixel(colour=np.array(MATRIX, A32).reshape(3, 3)),
        P.pixel(colour=(MATRIX[:3], MATRIX[3:6], MATRIX[6:])),
    ),
    (P.fourier(decay_power=A32(0.5)), P.fourier(decay_power=0.5)),
    (
        P.multi_resolution(resolutions=np.arange(1, 10, 4)),
        P.multi_resolution(resolutions=(1, 5, 9)),
    ),
    (
        P.power_law(slopes=np.ones(3), scales=[0.5, 1, 2]),
        P.power_law(slopes=(1.0, 1.0, 1.0), scales=(0.5, 1, 2)),
    ),
    (
        P.measured(height=2, width=2, values=np.array([0.5, 1, 2, 0], A32)),
        P.measured(height=2, width=2, values=(0.5, 1.0, 2.0, 0.0)),
    ),
    (T.pad(np.int64(12)), T.pad(12)),
    (T.crop_box(np.array([0.25, 0.75])), T.crop_box((0.25, 0.75))),
    (T.blur([0.5, 2.0]), T.blur((0.5, 2.0))),
    (T.scale([0.5, 1.5]), T.scale((0.5, 1.5))),
    (T.center(np.array([32, 48])), T.center((32, 48))),
    (regions.mask(np.array([[1, 0], [0, 1]], np.uint8)), regions.mask(((1.0, 0.0), (0.0, 1.0)))),
    (regions.mask([1, 2, 3]), regions.mask([[1, 2, 3]])),
]

# A short form of an argument, and the full form as which it is read back.
SHORT_FORMS: list[tuple[Any, Any]] = [
    (T.scale(0.5), T.scale(T.one_of(0.5))),
    (T.scale(2), T.scale(T.one_of(2.0))),
    (T.scale((0.5, 1.5)), T.scale(T.between(0.5, 1.5))),
    (T.rotate((-5, 5)), T.rotate(T.between(-5.0, 5.0))),
    (T.rotate(0), T.rotate(T.one_of(0.0))),
    (T.center(32), T.center((32, 32))),
    (T.resize(size=0), T.resize(size=(0, 0))),
    (
        P.laplacian(colour=(MATRIX[:3], MATRIX[3:6], MATRIX[6:])),
        P.laplacian(colour=MATRIX),
    ),
]

NAN = float("nan")
# A value that its message cannot hold, and the fields that are named.
WRONG: list[tuple[Any, list[str]]] = [
    (T.pad(1.5), ["pad.px"]),
    (T.pad(True), ["pad.px"]),
    (T.pad(2**31), ["pad.px"]),
    (T.pad(1, mode="odd"), ["pad.mode"]),
    (T.pad(1, mode=""), ["pad.mode"]),
    (T.pad(1, value=NAN), ["pad.value"]),
    (T.pad("x", mode=1, value="x"), ["pad.px", "pad.mode", "pad.value"]),
    (T.scale("x"), ["scale.factor"]),
    (T.scale((1, 2, 3)), ["scale.factor"]),
    (T.scale(T.pad(1)), ["scale.factor"]),
    (T.scale((0, NAN)), ["scale.factor"]),
    (T.scale(1e300), ["scale.factor"]),
    (T.scale(T.one_of(1.0, NAN, 2.0)), ["scale.factor.set.values[1]"]),
    (T.scale(T.between("x", NAN)), ["scale.factor.range.low", "scale.factor.range.high"]),
    (T.scale(1, separate=1), ["scale.separate"]),
    (T.crop_box(0.5), ["crop_box.side"]),
    (T.crop_box("01"), ["crop_box.side"]),
    (T.center((1, 2, 3)), ["center.size"]),
    (T.center("32x128"), ["center.size"]),
    (P.fourier(colour="odd"), ["fourier.colour"]),
    (T.flip(probability="x"), ["flip.probability"]),
    (P.fourier(colour=[*MATRIX[1:], NAN]), ["fourier.colour"]),
    (P.fourier(colour=3), ["fourier.colour"]),
    (
        P.multi_resolution(resolutions=[1, 2.5, True]),
        [
            "multi_resolution.resolutions[1]",
            "multi_resolution.resolutions[2]",
        ],
    ),
    (P.multi_resolution(resolutions=5), ["multi_resolution.resolutions"]),
    (P.maco(magnitude="power_law"), ["maco.magnitude"]),
    (P.maco(magnitude=P.cppn()), ["maco.magnitude"]),
    (
        P.maco(magnitude=P.power_law(slopes=[NAN], scales=[1])),
        ["maco.magnitude.power_law.slopes[0]"],
    ),
    (optimizers.adam(epsilon_place="before"), ["adam.epsilon_place"]),
    (optimizers.sgd(momentum=float("inf")), ["sgd.momentum"]),
    (schedules.cosine(warm_up=2**31), ["cosine.warm_up"]),
    (regions.mask([[1, NAN]]), ["mask.weights[1]"]),
    (regions.box(0, 0, 1, NAN), ["box.right"]),
    (penalties.l1(NAN, constant=NAN), ["weight", "constant"]),
    (values.Penalty("odd"), ["kind"]),
]

# A value and its text.
TEXTS = [
    (transforms.pad(12, mode="reflect"), "pad(px=12, mode='reflect')"),
    (schedules.one_cycle(), "one_cycle()"),
    (transforms.scale(transforms.between(0.5, 1.5)), "scale(factor=range(low=0.5, high=1.5))"),
    (parametrizations.power_law(slopes=range(99), scales=()), "power_law(slopes=<99 items>, scales=())"),
    (parametrizations.measured(height=9, width=9, values=np.ones(3 * 9 * 5)), None),
    (optimizers.adam(beta1=0.1, beta2=0.2, epsilon=0.3, weight_decay=0.4, clip_norm=0.5), "adam(...)"),
    (penalties.l1(0.5, constant=0.25), "l1(0.5, constant=0.25)"),
    (penalties.tv(), "tv(1)"),
    (values.Penalty("tv"), "tv(1)"),
]

#: The bytes of a field that no message of this version has: what newer servers may send.
NEWER = b"\x9a\x06\x00"


def named(value: Any) -> str | None:
    """Return an id for a row."""
    if isinstance(value, values.Value | values.Penalty):
        return str(value)[:50]
    return f"{value.__module__.rpartition('.')[2]}.{value.__name__}" if inspect.isfunction(value) else ""


def builders(module: ModuleType) -> Iterator[Builder]:
    """Yield the public functions of a module."""
    for name, made in vars(module).items():
        if inspect.isfunction(made) and made.__module__ == module.__name__ and not name.startswith("_"):
            yield made


def fields_of(kind: Any) -> list[Any]:
    """Return the fields of the message of a kind."""
    return list(kind.message_type.fields)


def called(builder: Builder, arguments: dict[str, Any]) -> Any:
    """Call a builder with arguments by name; those of ``*values`` are a tuple."""
    bound = inspect.signature(builder).bind_partial()
    bound.arguments.update(arguments)
    return builder(*bound.args, **bound.kwargs)


def written(value: Any) -> Any:
    """Return the message of a value that it can hold."""
    message = MESSAGES[type(value)]()
    assert value.write_to(message, at="spec") == []
    return message


@pytest.mark.parametrize(("builder", "arguments", "wire"), ROWS, ids=named)
def test_every_argument_is_written_and_read_back(builder: Builder, arguments: dict[str, Any], wire: str) -> None:
    made = called(builder, arguments)
    message = written(made)
    assert message == text_format.Parse(wire, type(message)())
    read = type(made).from_message(message)
    assert read == made
    assert {made: "same"}[read] == "same"
    assert made == called(builder, arguments)


@pytest.mark.parametrize(("builder", "arguments", "wire"), ROWS, ids=named)
def test_what_is_left_out_is_left_to_the_server(builder: Builder, arguments: dict[str, Any], wire: str) -> None:
    parameters = inspect.signature(builder).parameters
    needed = {name: value for name, value in arguments.items() if parameters[name].default is inspect.Parameter.empty}
    made = called(builder, needed)
    if isinstance(made, values.Penalty):
        assert (made.weight, made.constant) == (1.0, None)
        assert {field.name for field, _ in written(made).ListFields()} == {"kind", "weight"}
        return
    message = written(made)
    assert message.WhichOneof("kind") == made.kind  # also if nothing is said about it
    assert called(builder, dict.fromkeys(arguments) | needed) == made  # None is left out, too
    full = text_format.Parse(wire, type(message)())
    optional = parameters.keys() - needed.keys()
    for name in optional:
        getattr(full, made.kind).ClearField(name)
    assert message == full


def test_the_table_has_every_argument_of_every_builder() -> None:
    assert {builder for builder, _, _ in ROWS} == {each for module in MODULES for each in builders(module)}
    for builder, arguments, _ in ROWS:
        assert list(arguments) == list(inspect.signature(builder).parameters), builder


@pytest.mark.parametrize("kind", values.Value.__subclasses__(), ids=lambda kind: kind.__name__)
def test_the_table_has_every_field_of_every_kind(kind: type[values.Value]) -> None:
    rows = [called(builder, arguments) for builder, arguments, _ in ROWS]
    filled = {(each.kind, name) for each in rows if type(each) is kind for name, _ in each.fields}
    kinds = MESSAGES[kind].DESCRIPTOR.oneofs_by_name["kind"].fields
    assert filled == {(each.name, field.name) for each in kinds for field in fields_of(each)}


def test_the_table_has_every_penalty() -> None:
    rows = [called(builder, arguments) for builder, arguments, _ in ROWS]
    kinds = [each.kind for each in rows if isinstance(each, values.Penalty)]
    assert sorted(kinds) == sorted(choices(optimizer_pb2.PenaltyKind.DESCRIPTOR))


def test_every_message_with_kinds_has_a_class() -> None:
    files = (objective_pb2, optimizer_pb2, parametrization_pb2, transform_pb2)
    messages = [each for file in files for each in file.DESCRIPTOR.message_types_by_name.values()]
    with_kinds = {each.full_name for each in messages if "kind" in each.oneofs_by_name}
    assert with_kinds - WITHOUT_CLASS == {kind.MESSAGE for kind in values.Value.__subclasses__()}
    assert {kind: kind.MESSAGE for kind in MESSAGES} == {k: m.DESCRIPTOR.full_name for k, m in MESSAGES.items()}


CHOICES = [
    (kind, part.name, field.name, name)
    for kind in values.Value.__subclasses__()
    for part in MESSAGES[kind].DESCRIPTOR.oneofs_by_name["kind"].fields
    for field in fields_of(part)
    if field.enum_type is not None
    for name in choices(field.enum_type)
]


@pytest.mark.parametrize(("kind", "part", "field", "name"), CHOICES, ids=["-".join(row[1:]) for row in CHOICES])
def test_every_choice_has_a_name(kind: type[values.Value], part: str, field: str, name: str) -> None:
    read = kind.from_message(written(kind.of(part, **{field: name})))
    assert read is not None
    assert dict(read.fields)[field] == name


@pytest.mark.parametrize(("of_arrays", "plain"), ARRAYS, ids=named)
def test_arrays_are_numbers(of_arrays: Any, plain: Any) -> None:
    assert of_arrays == plain
    assert hash(of_arrays) == hash(plain)
    assert written(of_arrays) == written(plain)


@pytest.mark.parametrize(("short", "full"), SHORT_FORMS, ids=named)
def test_a_short_form_is_read_back_as_the_full_one(short: Any, full: Any) -> None:
    assert written(short) == written(full)
    assert type(short).from_message(written(short)) == full


@pytest.mark.parametrize(("wrong", "fields"), WRONG, ids=named)
def test_a_wrong_number_is_a_problem_that_names_its_field(wrong: Any, fields: list[str]) -> None:
    problems = wrong.write_to(MESSAGES[type(wrong)](), at="x")
    assert [problem.field for problem in problems] == [f"x.{field}" for field in fields]
    assert all(problem.description for problem in problems)


def test_problems_of_a_spec_name_the_whole_path() -> None:
    wrong: Any = "x"
    picture = reverie.Spec(
        "tiny",
        reverie.channel("c", 1),
        transforms=[transforms.jitter(1), transforms.pad(wrong)],
        penalties=[penalties.tv(), penalties.l1(wrong)],
        optimizer=optimizers.sgd(momentum=wrong),
    )
    with pytest.raises(reverie.InvalidRequest) as refused:
        spec.to_message(picture)
    assert sorted(violation.field for violation in refused.value.violations) == [
        "spec.optimizer.sgd.momentum",
        "spec.penalties[1].weight",
        "spec.transforms.steps[1].pad.px",
    ]


@pytest.mark.parametrize(("value", "text"), TEXTS, ids=named)
def test_a_value_has_a_short_text(value: Any, text: str | None) -> None:
    assert str(value) == repr(value)
    assert len(str(value)) <= 100
    assert text in (None, str(value))


def test_values_of_two_messages_differ() -> None:
    adam: tuple[Any, Any] = (values.Optimizer("adam"), values.Schedule("adam"))
    assert adam[0] != adam[1]


@pytest.mark.parametrize("kind", values.Value.__subclasses__(), ids=lambda kind: kind.__name__)
def test_a_kind_of_a_newer_server_is_not_read(kind: type[values.Value]) -> None:
    assert kind.from_message(MESSAGES[kind].FromString(NEWER)) is None
    assert kind.from_message(MESSAGES[kind]()) is None


def test_a_spec_of_a_newer_server_is_read_without_what_is_new() -> None:
    message = spec.to_message(reverie.Spec("tiny", reverie.channel("c", 1)))
    for name in ("parametrization", "schedule", "optimizer"):
        getattr(message, name).MergeFromString(NEWER)
    message.transforms.steps.add().jitter.px = 3
    message.transforms.steps.add().MergeFromString(NEWER)
    message.MergeFromString(NEWER)
    expected = reverie.Spec("tiny", reverie.channel("c", 1), transforms=(transforms.jitter(3),))
    assert spec.from_message(message) == expected


def test_new_parts_of_a_known_kind_are_left_out() -> None:
    message = written(parametrizations.maco(ddof=1))
    message.maco.MergeFromString(NEWER)
    message.maco.magnitude.MergeFromString(NEWER)  # a magnitude of a new kind
    read = values.Parametrization.from_message(message)
    assert read == parametrizations.maco(ddof=1)
    assert written(read) == written(parametrizations.maco(ddof=1))


def test_a_new_choice_is_read_as_its_number_and_not_sent() -> None:
    message = written(parametrizations.pixel(range="tanh"))
    message.pixel.range = 77
    read = values.Parametrization.from_message(message)
    assert read == parametrizations.pixel(range="77")
    (problem,) = read.write_to(parametrization_pb2.Parametrization(), at="x")
    assert problem.field == "x.pixel.range"
    assert values.Penalty.from_message(optimizer_pb2.Penalty(kind=77, weight=2)) == values.Penalty("77", 2.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("parametrization", values.Parametrization), ("schedule", values.Schedule), ("optimizer", values.Optimizer)],
)
def test_a_mere_name_is_a_kind_with_all_defaults(name: str, kind: type[values.Value]) -> None:
    for field in MESSAGES[kind].DESCRIPTOR.oneofs_by_name["kind"].fields:
        options: Any = {name: field.name}
        message = spec.to_message(reverie.Spec("tiny", reverie.channel("c", 1), **options))
        assert getattr(spec.from_message(message), name) == kind(field.name)


def test_penalties_may_be_names_and_weights() -> None:
    given = reverie.Spec("tiny", reverie.channel("c", 1), penalties={"tv": 0.5, "l1": 2})
    message = spec.to_message(given)
    assert spec.from_message(message).penalties == (penalties.tv(0.5), penalties.l1(2.0))
    assert list(spec_pb2.RenderSpec.FromString(message.SerializeToString()).penalties) == list(message.penalties)
