"""An Engine and a Client take the same words and return results with the same names."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reverie
import reverie_server
from PIL import Image
from reverie_proto.v1 import objective_pb2
from reverie_server import Engine
from reverie_server.process.local import serving

A, B = reverie.channel("conv1_1", 1), reverie.neuron("conv1_1", 2)
SMALL: Any = {"size": (24, 32), "steps": 2, "seed": 3, "transforms": "none"}

#: The names that only the Engine's class has, each with its reason.
ONLY_ENGINE = {"Rendering": {"message", "device_s"}}  # for the service itself, which charges for the device


@pytest.fixture(scope="module")
def client(models: Path) -> Iterator[reverie.Client]:
    with serving([models], device="cpu") as address, reverie.Client(address) as client:
        yield client


def public(kind: type) -> set[str]:
    """Return the names of a class and of its fields that do not begin with an underscore."""
    names = {*dir(kind), *(field.name for field in fields(kind))}
    return {name for name in names if not name.startswith("_")} - {"MESSAGE", "write_to"}


@pytest.mark.parametrize("name", ["Accepted", "Frame", "Progress", "Rendering"])
def test_results_have_the_same_names_and_signatures(name: str) -> None:
    ours, theirs = getattr(reverie, name), getattr(reverie_server, name)
    assert public(theirs) - ONLY_ENGINE.get(name, set()) == public(ours)
    for attribute in public(ours):
        one, other = inspect.getattr_static(ours, attribute, None), inspect.getattr_static(theirs, attribute, None)
        if inspect.isfunction(one):
            assert inspect.isfunction(other), attribute
            parameters = [inspect.signature(each).parameters.values() for each in (one, other)]
            seen = [[(each.name, each.kind, each.default) for each in those] for those in parameters]
            assert seen[0] == seen[1], attribute


#: What to render, in words that both take.
WORDS: dict[str, dict[str, Any]] = {
    "a channel": {"model": "tiny", "layer": "conv1_1", "channel": 1},
    "a channel in digits": {"model": "tiny", "layer": "conv1_1", "channel": "1"},
    "a channel of numpy": {"model": "tiny", "layer": "conv1_1", "channel": np.int64(1)},
    "an objective": {"model": "tiny", "objective": A},
    "a difference": {"model": "tiny", "objective": A - 0.5 * B},
    "a sum": {"model": "tiny", "objective": sum([A, B])},
    "a direction": {"model": "tiny", "objective": reverie.direction("conv1_1", np.ones(6), cosine_power=1)},
    "a whole layer": {"model": "tiny", "objective": reverie.layer("conv1_1")},
    "a message": {
        "model": "tiny",
        "objective": objective_pb2.Objective(channel=objective_pb2.ChannelObjective(layer="conv1_1", channel=1)),
    },
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_the_same_words_give_the_same_picture(engine: Engine, client: reverie.Client, words: dict[str, Any]) -> None:
    here, there = engine.render(**words, **SMALL), client.render(**words, **SMALL)
    assert here.encoded() == there.encoded()
    assert (here.spec_digest, here.activation, here.outcome) == (there.spec_digest, there.activation, there.outcome)
    assert there.outcome == here.outcome == reverie.Outcome.CONVERGED
    assert (here.height, here.width) == (there.height, there.width) == (24, 32)


def test_a_spec_of_either_renders_on_both(engine: Engine, client: reverie.Client) -> None:
    there = client.render("tiny", "conv1_1", 1, **SMALL)
    here = engine.render(spec=there.spec)
    assert here.encoded() == there.encoded() == client.render(spec=here.spec).encoded()
    assert reverie.spec.from_message(here.spec) == there.spec


@pytest.mark.parametrize("form", [*reverie.ImageFormat, "png", "raw"], ids=repr)
def test_pictures_are_encoded_to_the_same_bytes(engine: Engine, client: reverie.Client, form: str) -> None:
    wanted: Any = {**SMALL, "frames_at": [1]}
    here = engine.render("tiny", "conv1_1", 1, **wanted)
    there = client.render("tiny", "conv1_1", 1, format=form, frame_format=form, **wanted)
    assert here.encoded(form) == there.data == there.encoded(form)
    assert here.frames[0].encoded(form) == there.frames[0].encoded(form)


@pytest.mark.parametrize("form", ["gif", "PNG", "", None, 1, ["png"]], ids=repr)
def test_an_unknown_format_is_refused_with_the_known_ones(engine: Engine, client: reverie.Client, form: Any) -> None:
    for each in (engine, client):
        with pytest.raises(ValueError, match="is not an image format; use one of png, webp, jpeg, raw"):
            each.render("tiny", "conv1_1", 1, **SMALL).encoded(form)


def test_pictures_are_saved_alike(engine: Engine, client: reverie.Client, tmp_path: Path) -> None:
    here, there = (each.render("tiny", "conv1_1", 1, frames_at=[1], **SMALL) for each in (engine, client))
    for name in ("x.png", "new/x.PNG", "x.webp"):
        paths = here.save(tmp_path / "here" / name), there.save(str(tmp_path / "there" / name))
        assert paths == (tmp_path / "here" / name, tmp_path / "there" / name)
        with Image.open(paths[0]) as one, Image.open(paths[1]) as other:
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    assert here.frames[0].save(tmp_path / "frame.png").exists()
    for picture in (here, there, here.frames[0]):
        with pytest.raises(ValueError, match=r"\.png, \.webp, \.jpg, \.jpeg"):
            picture.save(tmp_path / "x.gif")
    assert reverie.Spec.of_picture(tmp_path / "here" / "x.png") == there.spec
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".", "x"))] == []


def test_the_bytes_of_a_result_are_a_png(engine: Engine) -> None:
    rendering = engine.render("tiny", "conv1_1", 1, **SMALL)
    assert rendering.format == reverie.ImageFormat.PNG
    with Image.open(BytesIO(rendering.data)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (32, 24))


#: Misspelled options, and the rest of the message.
MISSPELLED = {"step": "did you mean 'steps'?", "Size": "did you mean 'size'?", "chanel": "did you mean 'channel'?"}


@pytest.mark.parametrize(("name", "meant"), [*MISSPELLED.items(), ("qqq", "it has size, steps, seed")])
@pytest.mark.parametrize("call", ["render", "stream"])
def test_a_wrong_option_is_told_the_nearest(
    engine: Engine, client: reverie.Client, call: str, name: str, meant: str
) -> None:
    said = []
    for each in (engine, client):
        with pytest.raises(TypeError) as refusal:
            getattr(each, call)("tiny", "conv1_1", 1, **{name: 1})
        said.append(str(refusal.value))
        assert said[-1].startswith(f"{call}() has no option {name!r}; {meant}")
    if meant.startswith("did"):
        assert said[0] == said[1]


def test_a_wrong_option_of_a_job_is_told_the_nearest(client: reverie.Client) -> None:
    wrong: Any = {"step": 1, "layer": 2}
    with pytest.raises(TypeError) as refusal:
        client.create_job("tiny", ["conv1_1"], **wrong)
    assert str(refusal.value) == (
        "create_job() has no option 'step'; did you mean 'steps'? "
        "create_job() has no option 'layer'; did you mean 'layers'?"
    )


def test_a_wrong_value_is_the_same_violation(engine: Engine, client: reverie.Client) -> None:
    odd: Any = float("nan")
    for words in ({"objective": "conv1_1:3"}, {"objective": A + reverie.channel("c", odd)}, {"spec": "tiny"}):
        with pytest.raises(reverie.InvalidRequest) as theirs:
            client.render(**{"model": "tiny", **words} if "objective" in words else words)
        with pytest.raises(reverie_server.InvalidRequest) as ours:
            engine.render(**{"model": "tiny", **words} if "objective" in words else words)
        (violation,) = theirs.value.violations
        assert (violation.field, violation.description) in [(v.field, v.problem) for v in ours.value.violations]


def test_every_repr_is_short(engine: Engine, client: reverie.Client) -> None:
    wide = reverie.direction("conv1_1", np.linspace(0, 1, 512))
    many = sum([wide] * 20, wide)
    shown: list[Any] = [wide, many, reverie.Spec("tiny", many), client.server_info()]
    shown += [client.server_info().limits, *client.server_info().presets, *client.models(), *client.layers("tiny")]
    for each in (engine, client):
        events: list[Any] = list(each.stream("tiny", "conv1_1", 1, frames_every=1, progress_every=1, **SMALL))
        shown += [*events, *(event.frame for event in events if getattr(event, "frame", None))]
    shown += [reverie.Layer("x" * 999, ("y" * 999,), "Conv", 1, False, None, (0, 0), (1, 1), (1, 1), None)]
    for value in shown:
        text = repr(value)
        assert len(text) <= 200, text
        assert "\n" not in text
        assert "\\x" not in text
        assert text.startswith(f"{type(value).__name__}(")
