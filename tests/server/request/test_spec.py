"""Validation of specs: defaults are filled in, names are resolved, and all mistakes are reported at once."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from reverie_proto.sizes import Size
from reverie_proto.v1 import objective_pb2
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_proto.v1.visualization_pb2 import RenderImageRequest, StreamRenderRequest
from reverie_server import Engine, Fault, InvalidRequest, NotServed
from reverie_server.request.digest import spec_digest
from reverie_server.request.render_request import RenderRequest

from tests.models import write_tiny_model

CHANNEL = 'channel { layer: "conv1_1" channel: 1 }'

# A request's objective, and the effective one with its defaults filled in.
COMPLETED = [
    ("channel { layer: 'conv1_1' }", "channel { layer: 'conv1_1' channel: 0 }"),
    ("neuron { layer: 'conv1_1' channel: 2 }", "neuron { layer: 'conv1_1' channel: 2 y: 16 x: 16 }"),
    ("neuron { layer: 'pool1' channel: 2 x: 0 }", "neuron { layer: 'pool1' channel: 2 y: 8 x: 0 }"),
    ("layer { layer: 'pool1' }", "layer { layer: 'pool1' }"),
    ("logit { index: 1 }", "logit { layer: 'logits' index: 1 }"),
    (
        "sum { terms { objective { channel { layer: 'conv1_1' } } } }",
        "sum { terms { objective { channel { layer: 'conv1_1' } } weight: 1 } }",
    ),
    (
        "sum { terms { objective { logit { index: 0 } } weight: -0.5 }"
        " terms { objective { layer { layer: 'pool1' } } } }",
        "sum { terms { objective { logit { layer: 'logits' index: 0 } } weight: -0.5 }"
        " terms { objective { layer { layer: 'pool1' } } weight: 1 } }",
    ),
]

# A mistake in an otherwise valid request (text of a StreamRenderRequest; CHANNEL unless it has an objective), the field
# of the violation, and its description.
REFUSED = [
    # --- numbers ---
    ("spec { steps: 0 }", "spec.steps", r"0 is not in 1\.\.10000"),
    ("spec { steps: -5 }", "spec.steps", r"-5 is not in 1\.\.10000"),
    ("spec { steps: 2147483647 }", "spec.steps", r"2147483647 is not in 1\.\.10000"),
    (
        "spec { size { height_px: 0 width_px: 0 } }",
        "spec.size",
        r"0 x 0 px \(height x width\): the height 0 is not in 1\.\.1024",
    ),
    ("spec { size { height_px: -2147483648 } }", "spec.size", r"the height -2147483648 is not in 1\.\.1024"),
    ("spec { size { height_px: 100000 width_px: 100000 } }", "spec.size", r"the height 100000 is not in 1\.\.1024"),
    ("spec { size { height_px: 32 } }", "spec.size", r"32 x 0 px \(height x width\): the width 0 is not in 1\.\.1024"),
    ("spec { size { height_px: 32 width_px: 1025 } }", "spec.size", r"the width 1025 is not in 1\.\.1024"),
    ("spec { learning_rate: 0 }", "spec.learning_rate", "0 is not more than 0 and at most 100"),
    ("spec { learning_rate: -0.1 }", "spec.learning_rate", "-0.1 is not more than 0"),
    ("spec { learning_rate: nan }", "spec.learning_rate", "nan is not more than 0"),
    ("spec { learning_rate: inf }", "spec.learning_rate", "inf is not more than 0"),
    ("spec { learning_rate: 1e30 }", "spec.learning_rate", r"1e\+30 is not more than 0"),
    # --- names and enums ---
    ("spec { preset: 'lucit' }", "spec.preset", "there is no preset 'lucit'; the nearest: lucid"),
    ("spec { preset: '' }", "spec.preset", "there is no preset ''; known: .*lucid"),
    (
        "spec { transforms { set: 'lucit' } }",
        "spec.transforms.set",
        "there is no set of transforms 'lucit'; the nearest",
    ),
    ("format: 99", "format", r"99 is not one of 1 \(IMAGE_FORMAT_PNG\)"),
    ("frames { steps: 1 format: 99 }", "frames.format", "99 is not one of 1"),
    # --- objectives ---
    (
        "spec { objective {} }",
        "spec.objective",
        "is required: one of channel, neuron, layer, direction, logit, sum, cosine, ",
    ),
    ("spec { objective { channel { channel: 1 } } }", "spec.objective.channel.layer", "is required"),
    (
        "spec { objective { channel { layer: 'conv1_1' channel: -1 } } }",
        "spec.objective.channel.channel",
        r"-1 is not in 0\.\.\d+, the channels of layer 'conv1_1'",
    ),
    (
        "spec { objective { channel { layer: 'conv1_1' channel: 2147483647 } } }",
        "spec.objective.channel.channel",
        r"2147483647 is not in 0\.\.\d+",
    ),
    (
        "spec { objective { neuron { layer: 'pool1' y: 16 } } }",
        "spec.objective.neuron.y",
        r"16 is not in 0\.\.15, the grid of layer 'pool1' at 32 x 32 px",
    ),
    ("spec { objective { neuron { layer: 'pool1' x: -1 } } }", "spec.objective.neuron.x", r"-1 is not in 0\.\.15"),
    ("spec { objective { neuron { layer: 'logits' } } }", "spec.objective.neuron.layer", "has no positions"),
    (
        "spec { objective { direction { layer: 'conv1_1' vector: 1 } } }",
        "spec.objective.direction.vector",
        r"has 1 numbers; layer 'conv1_1' needs \d+, one for each channel",
    ),
    ("spec { objective { direction { layer: 'conv1_1' } } }", "spec.objective.direction.vector", "has 0 numbers"),
    (
        "spec { objective { direction { layer: 'conv1_1' vector: [0, 0] } } }",
        "spec.objective.direction.vector",
        "all of its numbers are 0",
    ),
    (
        "spec { objective { direction { layer: 'conv1_1' vector: [1, inf, nan] } } }",
        "spec.objective.direction.vector",
        "2 numbers are not finite, the first at index 1: inf",
    ),
    (
        "spec { objective { direction { layer: 'conv1_1' vector: 1 cosine_power: -1 } } }",
        "spec.objective.direction.cosine_power",
        r"-1 is not in 0\.\.100",
    ),
    ("spec { objective { logit {} } }", "spec.objective.logit", "index or label is required"),
    ("spec { objective { logit { index: 999 } } }", "spec.objective.logit.index", r"999 is not in 0\.\.\d+"),
    ("spec { objective { logit { label: 'x' layer: 'pool1' } } }", "spec.objective.logit.layer", "ask for its channel"),
    ("spec { objective { sum {} } }", "spec.objective.sum.terms", r"0 is not in 1\.\.1024 terms"),
    (
        "spec { objective { sum { terms { objective { sum {} } } } } }",
        "spec.objective.sum.terms[0].objective.sum",
        "a sum cannot be a part of a sum; list its terms in the outer one",
    ),
    (
        "spec { objective { sum { terms {} } } }",
        "spec.objective.sum.terms[0].objective",
        "is required: one of channel, .* alignment$",
    ),
    (
        f"spec {{ objective {{ sum {{ terms {{ weight: 0 objective {{ {CHANNEL} }} }} }} }} }}",
        "spec.objective.sum.terms[0].weight",
        "0 asks for nothing",
    ),
    (
        f"spec {{ objective {{ sum {{ terms {{ weight: nan objective {{ {CHANNEL} }} }} }} }} }}",
        "spec.objective.sum.terms[0].weight",
        r"nan is not in -1000000\.\.1000000",
    ),
    ("spec { objective { sum {" + "terms {}" * 1025 + "} } }", "spec.objective.sum.terms", r"1025 is not in 1\.\.1024"),
    # --- frames and progress ---
    ("frames { every_steps: -1 }", "frames.every_steps", "-1 is not in 0"),
    ("frames { steps: [0, 17] }", "frames.steps[1]", r"17 is not in 0\.\.16, the steps of this render"),
    ("frames { steps: -1 }", "frames.steps[0]", "-1 is not in 0"),
    ("frames { steps: [" + ",".join("1" * 300) + "] }", "frames.steps", "has 300 entries; at most 256 are taken"),
    ("spec { steps: 10000 } frames { every_steps: 1 }", "frames", "10001 frames of at most 256; try every_steps 40"),
    ("frames { every_steps: 1 max_size_px: 0 }", "frames.max_size_px", r"0 is not in 1\.\.1024"),
    (
        "spec { size { height_px: 1024 width_px: 1024 } } frames { every_steps: 1 }",
        "frames",
        "17 frames of 1024 x 1024 px; at that size at most 10",
    ),
    ("progress_every_steps: 0", "progress_every_steps", "0 is not in 1"),
    ("priority: 7", "priority", r"7 is not one of 1 \(PRIORITY_INTERACTIVE\), 2 \(PRIORITY_BATCH\)"),
    # --- limits of the device ---
    (
        "spec { size { height_px: 1024 width_px: 1024 } steps: 2049 }",
        "spec.steps",
        "2049 at 1024 x 1024 px are 2148532224 pixels x steps .* 2147483648 .* up to 2048 steps",
    ),
    (
        "spec { size { height_px: 1024 width_px: 256 } steps: 8193 }",
        "spec.steps",
        "8193 at 1024 x 256 px are .* up to 8192 steps",
    ),
    # --- limits of a response ---
    (
        "spec { size { height_px: 1024 width_px: 1024 } } format: IMAGE_FORMAT_RAW",
        "format",
        "a response holds .* goes up to 572 x 572 px",
    ),
    (
        "spec { size { height_px: 1024 width_px: 1024 } } frames { steps: 1 format: IMAGE_FORMAT_RAW }",
        "frames.format",
        "IMAGE_FORMAT_RAW goes up to 572 x 572 px",
    ),
    ("spec { model: '' }", "spec.model", "is required; known: tiny"),
]

# An unknown name, the field that holds it, and the description.
ABSENT = [
    ("spec { model: 'tyny' }", "spec.model", "there is no model 'tyny'; the nearest: tiny"),
    ("spec { model: 'TINY' }", "spec.model", "the nearest: tiny"),
    ("spec { model_digest: 'abc' }", "spec.model_digest", "is served here with digest [0-9a-f]{64}, not 'abc'"),
    (
        "spec { objective { channel { layer: 'conv1_7' } } }",
        "spec.objective.channel.layer",
        r"there is no layer 'conv1_7'; the nearest: .*conv1_1.* \(model 'tiny'\)",
    ),
    (f"spec {{ model: '{'x' * 5000}' }}", "spec.model", r"there is no model 'x{56}\.\.\.; known: tiny"),
]


def request(text: str) -> StreamRenderRequest:
    """Return a small, valid request with a few fields changed."""
    sound = f"spec {{ model: 'tiny' size {{ height_px: 32 width_px: 32 }} steps: 16 objective {{ {CHANNEL} }} }}"
    made = text_format.Parse(sound, StreamRenderRequest())
    changes = text_format.Parse(text, StreamRenderRequest())
    if changes.spec.HasField("objective"):
        made.spec.ClearField("objective")
    if changes.spec.HasField("size"):
        made.spec.ClearField("size")
    made.MergeFrom(changes)
    if "model: ''" in text:
        made.spec.model = ""
    return made


def order(engine: Engine, text: str) -> RenderRequest:
    return engine.check(request(text))


def problems(engine: Engine, text: str, kind: type[Fault]) -> dict[str, str]:
    """Return the description of each field's violations."""
    with pytest.raises(kind) as refusal:
        order(engine, text)
    assert isinstance(refusal.value, InvalidRequest | NotServed)
    found: dict[str, str] = {}
    for violation in refusal.value.violations:
        found[violation.field] = "; ".join(filter(None, [found.get(violation.field), violation.problem]))
    return found


# ----- valid requests -----


def test_a_minimal_spec_is_filled_in(engine: Engine) -> None:
    minimal = text_format.Parse(f"model: 'tiny' objective {{ {CHANNEL} }}", RenderSpec())
    effective = engine.check(RenderImageRequest(spec=minimal)).effective
    (model,) = engine.models()
    expected = text_format.Parse(
        f"""
        model: "tiny" model_digest: "{model.digest}" objective {{ {CHANNEL} }}
        size {{ height_px: 32 width_px: 32 }} steps: 160 learning_rate: 0.35 seed: 0 preset: "reverie"
        parametrization {{ fourier {{ decay_power: 1 deviation: 0.01 divisor: 4
                                    colour {{ named: NAMED_COLOUR_BASIS_LUCID }} }} }}
        schedule {{ one_cycle {{}} }}
        optimizer {{ adam {{ beta1: 0.5 beta2: 0.9 epsilon: 1e-8 epsilon_place: EPSILON_PLACE_BEFORE_CORRECTION
                           weight_decay: 0 clip_norm: 0 }} }}
        views: 1 pictures: 1 best_of: 1 importance: false robustness: false alpha: false
        transforms {{
          steps {{ pad {{ px: 12 mode: PAD_MODE_CONSTANT value: 0.5 }} }}
          steps {{ jitter {{ px: 8 }} }}
          steps {{ scale {{ factor {{ set {{ values: [0.9, 0.92, 0.94, 0.96, 0.98, 1, 1.02, 1.04, 1.06, 1.08, 1.1] }} }}
                          separate: false sampling: SAMPLING_LEGACY interpolation: INTERPOLATION_BILINEAR }} }}
          steps {{ rotate {{ degrees {{ set {{ values: [-10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7,
                                                     8, 9, 10, 0, 0, 0, 0, 0] }} }}
                           interpolation: INTERPOLATION_NEAREST }} }}
          steps {{ jitter {{ px: 4 }} }}
        }}
        """,
        RenderSpec(),
    )
    assert effective == expected
    absent = {field.name for field in RenderSpec.DESCRIPTOR.fields if field.has_presence} - {
        field.name for field, _ in effective.ListFields()
    }
    assert absent == {"view_size", "stop_at"}


@pytest.mark.parametrize(("asked", "completed"), COMPLETED)
def test_an_objective_is_filled_in(engine: Engine, asked: str, completed: str) -> None:
    effective = order(engine, f"spec {{ objective {{ {asked} }} }}").effective
    assert effective.objective == text_format.Parse(completed, objective_pb2.Objective())


def test_a_label_is_replaced_by_its_class(engine: Engine) -> None:
    (model,) = engine.models()
    effective = order(engine, f"spec {{ objective {{ logit {{ label: '{model.labels[1]}' }} }} }}").effective
    assert effective.objective.logit == objective_pb2.LogitObjective(layer="logits", index=1)


def test_an_alias_is_replaced_by_its_layer(engine: Engine) -> None:
    layer = next(layer for layer in engine.layers("tiny") if layer.aliases)
    effective = order(engine, f"spec {{ objective {{ layer {{ layer: '{layer.aliases[0]}' }} }} }}").effective
    assert effective.objective.layer.layer == layer.name


@pytest.mark.parametrize("asked", [asked for asked, _ in COMPLETED])
def test_an_effective_spec_is_its_own_effective_spec(engine: Engine, asked: str) -> None:
    first = order(engine, f"spec {{ objective {{ {asked} }} }}")
    second = engine.check(RenderImageRequest(spec=first.effective))
    assert second.effective == first.effective
    assert second.digest == first.digest
    assert second.recipe == first.recipe


# ----- digests -----

# Changes that may change the picture.
OTHER = [
    "spec { seed: 1 }",
    "spec { steps: 17 }",
    "spec { size { height_px: 33 width_px: 32 } }",
    "spec { size { height_px: 32 width_px: 33 } }",
    "spec { learning_rate: 0.050001 }",
    "spec { parametrization { pixel {} } }",
    "spec { parametrization { fourier { decay_power: 1.01 } } }",
    "spec { transforms { set: 'none' } }",
    "spec { transforms { steps { jitter { px: 4 } } } }",
    "spec { schedule { constant {} } }",
    "spec { optimizer { nadam {} } }",
    "spec { optimizer { adam { beta1: 0.6 } } }",
    "spec { views: 2 }",
    "spec { view_size { height_px: 24 width_px: 24 } }",
    "spec { penalties { kind: PENALTY_KIND_L1 } }",
    "spec { penalties { kind: PENALTY_KIND_L1 weight: 2 } }",
    "spec { pictures: 2 }",
    "spec { best_of: 2 }",
    "spec { stop_at: 1 }",
    "spec { importance: true }",
    "spec { robustness: true }",
    "spec { preset: 'lucid' }",
    "spec { objective { channel { layer: 'conv1_1' } } }",
    "spec { objective { neuron { layer: 'conv1_1' channel: 1 } } }",
    f"spec {{ objective {{ sum {{ terms {{ objective {{ {CHANNEL} }} }} }} }} }}",
]


def test_every_change_of_a_spec_changes_the_digest(engine: Engine) -> None:
    digests = [order(engine, text).digest for text in ["", *OTHER]]
    assert len(set(digests)) == len(digests)


def test_formats_and_frames_do_not_change_the_digest(engine: Engine) -> None:
    plain = order(engine, "").digest
    changes = "format: IMAGE_FORMAT_RAW frames { every_steps: 1 } progress_every_steps: 3"
    assert order(engine, changes).digest == plain


def test_explicit_defaults_do_not_change_the_digest(engine: Engine) -> None:
    explicit = order(engine, "spec { seed: 0 preset: 'reverie' learning_rate: 0.35 }").digest
    assert explicit == order(engine, "").digest


def test_a_digest_is_the_sha256_of_canonical_json() -> None:
    """A golden value: if it changes, stored pictures are not found under their digests any more."""
    spec = text_format.Parse(f"model: 'm' learning_rate: 0.05 seed: 7 objective {{ {CHANNEL} }}", RenderSpec())
    text = (
        '{"engine":"4","spec":{"learning_rate":0.05000000074505806,"model":"m",'
        '"objective":{"channel":{"channel":1,"layer":"conv1_1"}},"seed":7}}'
    )
    assert spec_digest(spec) == hashlib.sha256(text.encode()).hexdigest()


# ----- mistakes -----


@pytest.mark.parametrize(("text", "field", "problem"), REFUSED, ids=lambda value: value[:60])
def test_a_violation_names_its_field_and_what_is_allowed(engine: Engine, text: str, field: str, problem: str) -> None:
    found = problems(engine, text, InvalidRequest)
    assert field in found
    assert re.search(problem, found[field]), found[field]


@pytest.mark.parametrize(("text", "field", "problem"), ABSENT, ids=lambda value: value[:60])
def test_an_unknown_name_is_refused_with_the_nearest(engine: Engine, text: str, field: str, problem: str) -> None:
    found = problems(engine, text, NotServed)
    assert list(found) == [field]
    assert re.search(problem, found[field]), found[field]


def test_an_unknown_label_is_refused_with_the_nearest(engine: Engine) -> None:
    label = engine.models()[0].labels[0]
    found = problems(engine, f"spec {{ objective {{ logit {{ label: '{label}x' }} }} }}", InvalidRequest)
    assert f"the nearest: {label}" in found["spec.objective.logit.label"]


def test_all_violations_of_a_request_are_reported_at_once(engine: Engine) -> None:
    text = """
        spec { model: 'tiny' size { height_px: -5 width_px: 5 } steps: 0 learning_rate: nan preset: 'x'
               transforms { set: 'y' }
               objective { sum { terms { weight: inf objective { channel { layer: 'conv9' } } }
                                 terms { objective { channel { layer: 'conv1_1' channel: 999 } } } } } }
        format: 9 frames { every_steps: -1 max_size_px: -1 } progress_every_steps: -1
    """
    assert set(problems(engine, text, InvalidRequest)) == {
        "spec.size",
        "spec.steps",
        "spec.learning_rate",
        "spec.preset",
        "spec.transforms.set",
        "spec.objective.sum.terms[0].weight",
        "spec.objective.sum.terms[0].objective.channel.layer",
        "spec.objective.sum.terms[1].objective.channel.channel",
        "format",
        "frames.every_steps",
        "frames.max_size_px",
        "progress_every_steps",
    }


def test_frames_of_a_unary_call_must_fit_into_its_response(engine: Engine) -> None:
    streamed = request("spec { size { height_px: 512 width_px: 512 } } frames { every_steps: 1 }")
    unary = RenderImageRequest(spec=streamed.spec, frames=streamed.frames)
    engine.check(streamed)
    with pytest.raises(InvalidRequest, match=r"17 frames of 512 x 512 px .* use StreamRender"):
        engine.check(unary)


# The size of a picture, the restrictions of layer conv3_1, and the problem.
SIZES = [
    ("7 32", {}, "7 x 32 px (height x width): the height is less than 8, the least for layer 'conv3_1'"),
    ("32 7", {}, "32 x 7 px (height x width): the width is less than 8, the least for layer 'conv3_1'"),
    ("32 9", {"min_size": (1, 10)}, "32 x 9 px (height x width): the width is less than 10, the least for"),
    ("32 65", {"size_multiple": (1, 32)}, "the width is not a multiple of 32, which layer 'conv3_1' needs"),
    ("65 32", {"size_multiple": (32, 1)}, "the height is not a multiple of 32, which layer 'conv3_1' needs"),
    (
        "63 63",
        {"fixed_size": (32, 128)},
        "63 x 63 px (height x width): layer 'conv3_1' takes pictures of 32 x 128 px only",
    ),
    ("128 32", {"fixed_size": (32, 128)}, "layer 'conv3_1' takes pictures of 32 x 128 px only"),
    ("33 50", {"fixed_size": (32, 0)}, "layer 'conv3_1' takes pictures of height 32 px only"),
    ("50 33", {"fixed_size": (0, 32)}, "layer 'conv3_1' takes pictures of width 32 px only"),
    ("32 50", {"fixed_size": (32, 0)}, ""),
    ("65 64", {"size_multiple": (1, 32)}, ""),
    ("8 300", {}, ""),
]


@pytest.mark.parametrize(("size", "restrictions", "problem"), SIZES)
def test_a_size_that_a_layer_does_not_take_is_refused_with_what_it_takes(
    tmp_path: Path, size: str, restrictions: dict[str, Size], problem: str
) -> None:
    height, width = size.split()
    text = f"spec {{ size {{ height_px: {height} width_px: {width} }} objective {{ layer {{ layer: 'conv3_1' }} }} }}"
    with restricted(tmp_path, conv3_1=restrictions) as engine:
        if problem:
            assert problem in problems(engine, text, InvalidRequest)["spec.size"]
        else:
            assert order(engine, text).recipe.size == (int(height), int(width))


# The native size of a model, the only sizes of the layers of an objective, and the default size that follows.
DEFAULTS = [
    (None, {}, (224, 224)),
    ((40, 90), {}, (40, 90)),
    ((40, 90), {"conv2_1": (32, 128)}, (32, 128)),
    ((40, 90), {"conv2_1": (0, 128)}, (40, 128)),
    (None, {"conv2_1": (32, 0)}, (32, 224)),
    (None, {"conv2_1": (32, 0), "conv3_1": (0, 64)}, (32, 64)),
    ((40, 90), {"logits": (16, 16)}, (40, 90)),
]


@pytest.mark.parametrize(("native", "fixed", "expected"), DEFAULTS)
def test_the_default_size_is_the_models_own_and_the_only_one_of_a_layer(
    tmp_path: Path, native: Size | None, fixed: dict[str, Size], expected: Size
) -> None:
    terms = "".join(f"terms {{ objective {{ layer {{ layer: '{name}' }} }} }}" for name in ("conv2_1", "conv3_1"))
    restrictions: dict[str, Any] = {name: {"fixed_size": size} for name, size in fixed.items()}
    with restricted(tmp_path, native=native, **restrictions) as engine:
        spec = text_format.Parse(f"model: 'tiny' objective {{ sum {{ {terms} }} }}", RenderSpec())
        assert engine.check(RenderImageRequest(spec=spec)).recipe.size == expected


def test_the_default_size_of_a_logit_is_that_of_the_last_layer(tmp_path: Path) -> None:
    with restricted(tmp_path, logits={"fixed_size": (16, 48)}) as engine:
        spec = text_format.Parse("model: 'tiny' objective { logit { index: 0 } }", RenderSpec())
        assert engine.check(RenderImageRequest(spec=spec)).recipe.size == (16, 48)


def restricted(folder: Path, *, native: Size | None = (32, 32), **layers: dict[str, Size]) -> Engine:
    """Return an engine with the tiny model, of another native size, some of whose layers take fewer sizes."""
    path = write_tiny_model(folder / "tiny") / "manifest.json"
    fields = json.loads(path.read_text())
    del fields["native_size"]
    if native is not None:
        fields["native_size"] = as_json(native)
    for entry in fields["layers"]:
        for name, size in layers.get(entry["layer"]["name"], {}).items():
            entry["layer"][name] = as_json(size)
    path.write_text(json.dumps(fields))
    return Engine([folder], device="cpu", threads=1)


def as_json(size: Size) -> dict[str, int]:
    return {"height_px": size[0], "width_px": size[1]}


def test_an_unspecified_enum_or_kind_is_the_default(engine: Engine) -> None:
    unspecified = "spec { parametrization {} schedule {} optimizer { adam { epsilon_place: 0 } } } format: 0"
    assert order(engine, unspecified).effective == order(engine, "").effective
