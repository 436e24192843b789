"""Presets: each is the recipe of its source, number by number; and the specs of the first version.

The numbers of other projects are those of their code, as ../shared/reference/feature-visualization.md (section 2) and
science-2026.md (section 1) quote it. Where pictures have another range than 0..1, noise is divided by its width.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from reverie_ascent.recipe import Recipe, Term
from reverie_ascent.recipe.optimizer import Adam, Constant, Cosine, Nadam, OneCycle, Penalty, Sgd
from reverie_ascent.recipe.parametrization import Fourier, Maco, MultiResolution, Pixel, PowerLaw
from reverie_ascent.recipe.transform import (
    LUCID,
    ColourShift,
    CropBox,
    Noise,
    OneOf,
    Pad,
    Roll,
    Rotate,
    Scale,
    Translate,
    Uniform,
)
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_proto.v1.visualization_pb2 import RenderImageRequest
from reverie_server import Engine
from reverie_server.request.presets import DEFAULT_PRESET, PRESETS
from reverie_server.request.render_request import RenderRequest

from tests.server.request.test_spec import restricted

NATIVE = (224, 224)
TERM = Term("channel", "conv1_1", channel=1)


def recipe(steps: int, learning_rate: float, **fields: Any) -> Recipe:
    return Recipe((TERM,), fields.pop("size", NATIVE), steps, float(np.float32(learning_rate)), 0, **fields)


SHORT = Adam(0.5, 0.9)
#: Pixels that start as uniform noise from 0 to 1 and are clipped at each step.
CLIPPED = Pixel("clamp", 0.5, 0.5, "uniform")
INVERSION = Adam(0.5, 0.99, torch_epsilon=True)
OUR_LAW = PowerLaw(
    tuple(float(np.float32(slope)) for slope in (1.316, 1.427, 1.246)),
    tuple(float(np.float32(scale)) for scale in (4.155, 3.526, 4.955)),
)

EXPECTED = {
    # --- our own: Lucid's picture and transforms in fewer steps ---
    "reverie": recipe(160, 0.35, schedule=OneCycle(), optimizer=SHORT),
    "quick": recipe(24, 0.7, schedule=OneCycle(), optimizer=SHORT),
    "best": recipe(512, 0.15, schedule=OneCycle(), optimizer=SHORT),
    # --- 2.1 to 2.3 ---
    "lucid": recipe(
        512,
        0.05,
        parametrization=Fourier(1, 0.01, 4, "lucid"),
        schedule=Constant(),
        optimizer=Adam(0.9, 0.999, 1e-8, torch_epsilon=False),
        transforms=LUCID,
    ),
    # --- 2.6: a jitter of d moves by 0 to d - 1 pixels ---
    "lucent": recipe(
        512,
        0.05,
        optimizer=Adam(torch_epsilon=True),
        transforms=(
            Pad(12, "constant", 0.5),
            Translate(0, 8 - 1),
            Scale(OneOf(tuple(round(0.9 + 0.02 * i, 2) for i in range(11))), sampling="align_corners"),
            Rotate(OneOf((*range(-10, 11), 0, 0, 0, 0, 0)), "bilinear"),
            Translate(0, 4 - 1),
        ),
    ),
    # --- 2.8: the box from 0.50 to 0.05, N(0, 0.08) + U(-0.04, 0.04) in pictures from -1 to 1 ---
    "maco": recipe(
        256,
        1.0,
        size=(512, 512),
        view_size=NATIVE,
        parametrization=Maco(OUR_LAW, 0, 1e-5, "normal"),
        optimizer=Nadam(epsilon=1e-7, momentum_decay=1),
        transforms=(CropBox(Uniform(0.05, 0.5), 0.05, 0.15), Noise(0.08 / 2, -0.04 / 2, 0.04 / 2)),
        views=32,
    ),
    # --- 2.8: really U(0.25, 0.30), N(0, 0.05) + U(-0.025, 0.025) in -2.5..2.5; 1280 px are too many ---
    "horama": recipe(
        1000,
        1.0,
        size=(1024, 1024),
        view_size=NATIVE,
        parametrization=Maco(OUR_LAW, 1, 1e-4, "normal"),
        optimizer=Nadam(),
        transforms=(CropBox(Uniform(0.25, 0.3), None, 0.15), Noise(0.05 / 5, -0.025 / 5, 0.025 / 5)),
        views=6,
    ),
    # --- 2.9 ---
    "dreamlens": recipe(
        120,
        9e-3,
        optimizer=Adam(torch_epsilon=True, weight_decay=0, clip_norm=1),
        transforms=(Scale(Uniform(0.5, 1.2), sampling="half_pixel"), Rotate(Uniform(-15, 15), "bilinear")),
    ),
    # --- 2.9, google/deepdream: a step of 1.5 of 255 levels; 10 steps in each of 4 octaves ---
    "deepdream": recipe(
        10 * 4,
        1.5 / 255,
        parametrization=CLIPPED,
        optimizer=Sgd(0, "mean_absolute"),
        transforms=(Roll(32),),
    ),
    # --- 1.1, the classifier's: resolutions 1, 5, 9 .. 333, and noise to one side ---
    "das": recipe(
        100,
        5e-3,
        size=(224 + 2 * 56, 224 + 2 * 56),
        view_size=NATIVE,
        parametrization=MultiResolution(tuple(range(1, 334, 4))),
        optimizer=Sgd(),
        transforms=(Roll(56), Noise(0, 0, 0.2, clipped=True)),
        views=16,
    ),
    # --- 1.2: the last stage; as many copies as the vision transformers' recipe ---
    "plug_in": recipe(
        400,
        0.01,
        parametrization=CLIPPED,
        schedule=Cosine(0, 0),
        optimizer=INVERSION,
        transforms=(Roll(32), ColourShift(1, 1)),
        views=8,
    ),
    # --- 1.3: (x - m) / exp(s), then N(0, 1) / 2 (1 - t / 400) for each channel; 0.0005 tv with tv = 1 ---
    "vit": recipe(
        400,
        0.1,
        parametrization=CLIPPED,
        schedule=Cosine(0, 0),
        optimizer=INVERSION,
        transforms=(ColourShift(1, 1, inverse=True), Noise(0.5, fading=True, per_channel=True), Roll(32)),
        views=8,
        penalties=(Penalty("tv_four_norm_mean", 0.0005),),
    ),
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine whose model was made for pictures of 224 px."""
    with restricted(tmp_path_factory.mktemp("models"), native=NATIVE) as engine:
        yield engine


def order(engine: Engine, text: str, *, objective: str = "channel { layer: 'conv1_1' channel: 1 }") -> RenderRequest:
    """Check a spec of the model with an objective and some fields."""
    spec = text_format.Parse(f"model: 'tiny' objective {{ {objective} }} {text}", RenderSpec())
    return engine.check(RenderImageRequest(spec=spec))


def test_every_preset_has_a_row() -> None:
    assert EXPECTED.keys() == PRESETS.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_preset_has_the_numbers_of_its_source(engine: Engine, name: str) -> None:
    assert order(engine, f"preset: '{name}'").recipe == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_preset_resolves_to_a_spec_that_resolves_to_itself(engine: Engine, name: str) -> None:
    made = order(engine, f"preset: '{name}'")
    sent = RenderImageRequest.FromString(RenderImageRequest(spec=made.effective).SerializeToString())
    again = engine.check(sent)
    assert (again.effective, again.digest, again.recipe) == (made.effective, made.digest, made.recipe)


#: The fields of a resolved spec that may be absent: those that mean nothing then.
MAY_BE_ABSENT = {"view_size", "stop_at"}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_resolved_spec_has_every_field(engine: Engine, name: str) -> None:
    effective = order(engine, f"preset: '{name}'").effective
    wanted = {field.name for field in RenderSpec.DESCRIPTOR.fields if field.has_presence} - MAY_BE_ABSENT
    assert {name for name in wanted if not effective.HasField(name)} == set()
    for family in ("parametrization", "schedule", "optimizer"):
        _assert_full(getattr(effective, family))
    for step in effective.transforms.steps:
        _assert_full(step, but={"side_deviation", "centre_deviation", "size"})
    for penalty in effective.penalties:
        _assert_full(penalty, but={"constant"})


def _assert_full(message: Any, *, but: Collection[str] = ()) -> None:
    """Assert that every optional field of a message is set, but those whose absence has a meaning of its own."""
    for field in message.DESCRIPTOR.fields:
        if not field.has_presence or field.name in but:
            continue
        oneof = field.containing_oneof
        is_set = message.HasField(field.name)
        assert is_set or (oneof is not None and message.WhichOneof(oneof.name)), (
            f"{message.DESCRIPTOR.name}.{field.name}"
        )
        if is_set and field.message_type is not None:
            _assert_full(getattr(message, field.name), but=but)


def test_the_default_preset_is_ours(engine: Engine) -> None:
    assert DEFAULT_PRESET == "reverie"
    assert order(engine, "").digest == order(engine, "preset: 'reverie'").digest


def test_no_two_presets_are_one(engine: Engine) -> None:
    made = [order(engine, f"preset: '{name}'") for name in PRESETS]
    for one, other in itertools.combinations(made, 2):
        assert one.digest != other.digest
        assert one.recipe != other.recipe


def test_the_catalog_has_each_preset_with_its_values(engine: Engine) -> None:
    announced = {preset.name: preset for preset in engine.info().presets}
    assert announced.keys() == EXPECTED.keys()
    for name, preset in announced.items():
        assert preset.description
        assert preset.steps == EXPECTED[name].steps


# ----- fields that are given besides a preset -----

# A preset, a field besides it, and what the field changes in the recipe.
BESIDES: list[tuple[str, str, dict[str, Any]]] = [
    ("lucid", "steps: 3", {"steps": 3}),
    ("lucid", "schedule { one_cycle {} }", {"schedule": OneCycle(), "optimizer": SHORT}),
    ("reverie", "schedule { constant {} }", {"schedule": Constant(), "optimizer": Adam()}),
    ("reverie", "optimizer { sgd {} }", {"optimizer": Sgd()}),
    ("reverie", "optimizer {} schedule {} parametrization {}", {}),
    ("vit", "penalties { kind: PENALTY_KIND_L1 }", {"penalties": (Penalty("l1"),)}),
    ("vit", "views: 1", {"views": 1}),
    ("maco", "transforms { set: 'none' } views: 1", {"transforms": (), "views": 1}),
    ("maco", "size { height_px: 300 width_px: 400 }", {"size": (300, 400)}),
    ("maco", "size { height_px: 100 width_px: 400 }", {"size": (100, 400), "view_size": (100, 224)}),
    ("maco", "view_size { height_px: 64 width_px: 32 }", {"view_size": (64, 32)}),
    ("maco", "view_size { height_px: 512 width_px: 512 }", {"view_size": (512, 512)}),
    ("maco", "size { height_px: 224 width_px: 224 }", {"size": NATIVE}),
]


@pytest.mark.parametrize(("preset", "text", "changes"), BESIDES)
def test_a_given_field_replaces_the_presets_and_no_other(
    engine: Engine, preset: str, text: str, changes: dict[str, Any]
) -> None:
    made = order(engine, f"preset: '{preset}' steps: 2 {text}" if "steps" not in text else f"preset: '{preset}' {text}")
    assert made.recipe == replace(EXPECTED[preset], **{"steps": 2, **changes})
    again = engine.check(RenderImageRequest(spec=made.effective))
    assert (again.effective, again.digest, again.recipe) == (made.effective, made.digest, made.recipe)


# ----- specs of the first version -----

# A spec with fields of the first version only, and what it meant: Lucid's picture, transforms and epsilon.
FIRST: list[tuple[str, str, dict[str, Any]]] = [
    ("reverie", "", {}),
    ("quick", "", {}),
    ("best", "", {}),
    ("lucid", "", {}),
    ("reverie", "seed: 7 steps: 32 learning_rate: 0.5", {"seed": 7, "steps": 32, "learning_rate": 0.5}),
    ("lucid", "size { height_px: 64 width_px: 48 }", {"size": (64, 48)}),
]

#: The steps, the largest learning rate and the schedule of the four presets of the first version.
NUMBERS = {"reverie": (160, 0.35), "quick": (24, 0.7), "best": (512, 0.15), "lucid": (512, 0.05)}

# An objective of the first version, and its terms.
OBJECTIVES = [
    ("channel { layer: 'conv1_1' channel: 1 }", [TERM]),
    ("neuron { layer: 'pool1' channel: 2 }", [Term("neuron", "pool1", channel=2, position=(56, 56))]),
    ("layer { layer: 'pool1' }", [Term("layer", "pool1")]),
    (
        "direction { layer: 'pool1' vector: [1, 2, 3, 4, 5, 6] cosine_power: 2 }",
        [Term("direction", "pool1", vector=(1, 2, 3, 4, 5, 6), cosine_power=2)],
    ),
    ("logit { index: 3 }", [Term("channel", "logits", channel=3)]),
    (
        "sum { terms { objective { layer { layer: 'pool1' } } }"
        " terms { objective { logit { index: 3 } } weight: -2 } }",
        [Term("layer", "pool1"), Term("channel", "logits", -2.0, channel=3)],
    ),
]


@pytest.mark.parametrize(("preset", "text", "changes"), FIRST)
def test_a_spec_of_the_first_version_means_what_it_meant(
    engine: Engine, preset: str, text: str, changes: dict[str, Any]
) -> None:
    steps, rate = NUMBERS[preset]
    schedule: Any = Constant() if preset == "lucid" else OneCycle()
    moments = (0.9, 0.999) if preset == "lucid" else (0.5, 0.9)
    expected = Recipe(
        terms=(TERM,),
        size=NATIVE,
        steps=steps,
        learning_rate=float(np.float32(rate)),
        seed=0,
        parametrization=Fourier(decay_power=1.0, deviation=0.01, divisor=4.0, colour="lucid"),
        transforms=LUCID,
        schedule=schedule,
        optimizer=Adam(*moments, epsilon=1e-8, torch_epsilon=False, weight_decay=0.0, clip_norm=0.0),
    )
    assert order(engine, f"preset: '{preset}' {text}").recipe == replace(expected, **changes)


@pytest.mark.parametrize(("objective", "terms"), OBJECTIVES)
def test_an_objective_of_the_first_version_means_what_it_meant(
    engine: Engine, objective: str, terms: list[Term]
) -> None:
    made = order(engine, "", objective=objective).recipe
    assert (list(made.terms), made.products) == (terms, ())


def test_a_native_size_smaller_than_a_canvas_is_seen_in_boxes_of_it(models: Path) -> None:
    with Engine([models], device="cpu", threads=1) as tiny:
        made = order(tiny, "preset: 'das'").recipe
    assert (made.size, made.view_size) == ((336, 336), (32, 32))
