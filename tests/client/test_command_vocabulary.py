"""The vocabulary on the command line: each option reaches the request, and a wrong value is a sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import reverie
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from reverie import optimizers, parametrizations, penalties, schedules, spec, statistics, transforms
from reverie._command.goal import OPTIONS as GOAL_OPTIONS
from reverie._command.jobs import create
from reverie._command.picture import OPTIONS as PICTURE_OPTIONS
from reverie._command.render import render
from reverie_proto.v1 import spec_pb2

from tests.client.scripted import Command, Script, encode, pixels, serving, socket_address
from tests.sizes import square

A = reverie.channel("conv1_1", 3)
VECTOR = (1.0, -0.5, 0.25)

# Arguments, and the attributes of the spec that they set; numbers are those that float32 holds exactly.
PICTURE: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("--size", "24x32"), {"size": (24, 32)}),
    (("--steps", "3"), {"steps": 3}),
    (("--seed", "7"), {"seed": 7}),
    (("--preset", "lucent"), {"preset": "lucent"}),
    (("--views", "4"), {"views": 4}),
    (("--views", "0"), {"views": 0}),  # for the server to refuse
    (("--view-size", "48"), {"view_size": (48, 48)}),
    (("--view-size", "24x32"), {"view_size": (24, 32)}),
    (("--transforms", "lucid"), {"transforms": "lucid"}),
    (("--transforms", "none"), {"transforms": "none"}),
    (
        ("--transforms", "pad(12, mode='reflect'), jitter(8), scale((0.5, 1.5))"),
        {
            "transforms": (
                transforms.pad(12, mode="reflect"),
                transforms.jitter(8),
                transforms.scale(transforms.between(0.5, 1.5)),
            )
        },
    ),
    (("--transforms", "()"), {"transforms": ()}),
    (("--parametrization", "pixel"), {"parametrization": parametrizations.pixel()}),
    (
        ("--parametrization", "fourier(decay_power=1.5)"),
        {"parametrization": parametrizations.fourier(decay_power=1.5)},
    ),
    (("--optimizer", "nadam"), {"optimizer": optimizers.nadam()}),
    (("--optimizer", "sgd(momentum=0.5)"), {"optimizer": optimizers.sgd(momentum=0.5)}),
    (("--learning-rate", "0.5"), {"learning_rate": 0.5}),
    (("--learning-rate", "0"), {"learning_rate": 0.0}),
    (("--schedule", "one_cycle"), {"schedule": schedules.one_cycle()}),
    (("--schedule", "cosine(warm_up=10, end=0.5)"), {"schedule": schedules.cosine(warm_up=10, end=0.5)}),
    (("--penalty", "tv=0.25"), {"penalties": (penalties.tv(0.25),)}),
    (("--penalty", "tv"), {"penalties": (penalties.tv(1.0),)}),
    (
        ("--penalty", " l1 =-2", "--penalty", "tv=0"),
        {"penalties": (penalties.l1(-2.0), penalties.tv(0.0))},
    ),
    (("--best-of", "4"), {"best_of": 4}),
    (("--alpha",), {"alpha": True}),
    (("--stop-at", "-1.5"), {"stop_at": -1.5}),
    (("--stop-at", "0"), {"stop_at": 0.0}),
]

# Arguments after the model, and the objective; those without a channel have none.
OBJECTIVES: list[tuple[tuple[str, ...], reverie.Objective]] = [
    (("conv1_1", "3", "--neuron", "2,5"), reverie.neuron("conv1_1", 3, 2, 5)),
    (("conv1_1", "3", "--negative"), -A),
    (("conv1_1", "--layer-squares"), reverie.layer("conv1_1")),
    (("conv1_1", "--layer-squares", "--negative"), -reverie.layer("conv1_1")),
    (("conv1_1", "--direction", "vector.npy"), reverie.direction("conv1_1", VECTOR)),
    (("conv1_1", "--direction", "vector.txt"), reverie.direction("conv1_1", VECTOR)),
    (("conv1_1", "--cosine", "row.NPY"), reverie.cosine("conv1_1", VECTOR)),
    (("conv1_1", "--cosine", "vector.csv"), reverie.cosine("conv1_1", VECTOR)),
    (("conv1_1", "3", "--sum", "relu1_1:5=-0.5"), A - 0.5 * reverie.channel("relu1_1", 5)),
    (("conv1_1", "3", "--sum", "relu1_1:5"), A + reverie.channel("relu1_1", 5)),
    (
        ("conv1_1", "3", "--sum", "logits:dog=2", "--sum", "a:b:1=0.5"),
        A + 2 * reverie.logit("dog", layer="logits") + 0.5 * reverie.channel("a:b", 1),
    ),
    (("conv1_1", "3", "--negative", "--sum", "relu1_1:5"), -A + reverie.channel("relu1_1", 5)),
    (("conv1_1", "--layer-squares", "--sum", "relu1_1:5"), reverie.layer("conv1_1") + reverie.channel("relu1_1", 5)),
    (("conv1_1", "3", "--diversity", "4"), A + 100.0 * reverie.objectives.diversity("conv1_1")),
    (
        ("conv1_1", "3", "--diversity", "4", "--diversity-weight", "0.5"),
        A + 0.5 * reverie.objectives.diversity("conv1_1"),
    ),
]

#: The options of `reverie render` that do not describe the picture, and those with tests of their own below.
OTHERS = {"--magnitude", "--colours", "--seeds", "--recipe", "--importance", "--robustness"}
NOT_PICTURE = {
    *("--format", "--output", "--animate", "--priority", "--timeout", "--exact"),
    *("--server", "--token", "--tls-ca", "--tls-cert", "--tls-key", "--insecure", "--models"),
}

# Arguments that are refused before anything is sent, and parts of the message.
MISTAKES: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("--views", "x"), ("--views", "'x' is not a valid integer")),
    (("--views", str(2**31)), ("spec.views", "is not in")),
    (("--view-size", "1x"), ("--view-size", "is not a size such as 224, or 32x128 (height x width)")),
    (("--view-size", "1x2x3"), ("--view-size", "is not a size")),
    (("--learning-rate", "fast"), ("--learning-rate", "'fast' is not a valid float")),
    (("--learning-rate", "nan"), ("spec.learning_rate", "nan is not a finite number")),
    (("--stop-at", "x"), ("--stop-at", "not a valid float")),
    (("--stop-at", "inf"), ("spec.stop_at", "inf is not a finite number")),
    (("--best-of", "1.5"), ("--best-of", "not a valid integer")),
    (("--penalty", "tv=much"), ("--penalty", "'tv=much' is not a penalty such as tv=0.25")),
    (("--penalty", "tv="), ("--penalty", "is not a penalty")),
    (("--penalty", "tv=nan"), ("spec.penalties[0].weight", "nan is not a finite number")),
    (("--penalty", "tw=1"), ("spec.penalties[0].kind", "'tw' is not one of l1, l2,")),
    (("--penalty", "=1"), ("spec.penalties[0].kind", "'' is not one of")),
    (("--transforms", "jiter(8)"), ("--transforms", "there is no 'jiter'; did you mean jitter")),
    (("--transforms", "jitter(8"), ("--transforms", "cannot be read")),
    (("--transforms", "pad(1), jitter()"), ("--transforms", "missing 1 required positional argument: 'px'")),
    (("--transforms", "pad(1), jitter(nan)"), ("--transforms", "nan is not a number")),
    (("--transforms", "pad(1), jitter(1.5)"), ("spec.transforms.steps[1].jitter.px", "1.5 is not a whole number")),
    (("--transforms", "pad(1), one_of(1)"), ("spec.transforms.steps[1]", "is not a transform")),
    (("--transforms", "pad(__import__('os'))"), ("--transforms", "there is no '__import__'")),
    (("--parametrization", "fourier(1.5)"), ("--parametrization", "takes 0 positional arguments")),
    (("--parametrization", "forier()"), ("--parametrization", "there is no 'forier'; did you mean fourier")),
    (("--parametrization", "forier"), ("spec.parametrization", "the nearest: fourier")),
    (("--parametrization", "fourier(), pixel()"), ("--parametrization", "cannot be read")),
    (
        ("--parametrization", "power_law(slopes=(1,), scales=(1,))"),
        ("spec.parametrization", "is not one of fourier, pixel,"),
    ),
    (("--optimizer", "sgd(momentum='x')"), ("spec.optimizer.sgd.momentum", "'x' is not a number")),
    (("--optimizer", "3"), ("--optimizer", "cannot be read")),
    (("--optimizer", "adm"), ("spec.optimizer", "the nearest: adam")),
    (("--schedule", "cosine(warm_up=1.5)"), ("spec.schedule.cosine.warm_up", "is not a whole number")),
    (("--schedule", "cosine(warmup=1)"), ("--schedule", "unexpected keyword argument 'warmup'")),
    (("--magnitude", "empty"), ("empty is not a folder with pictures",)),
    (("--colours", "notes.txt"), ("notes.txt is not a folder with pictures",)),
    (("--colours", "damaged"), ("damaged/x.png cannot be read as a picture",)),
    (("--magnitude", "photos", "--parametrization", "pixel"), ("--magnitude", "--parametrization maco, not pixel")),
    (("--colours", "photos", "--parametrization", "cppn"), ("--colours", "not go with --parametrization cppn")),
    (
        ("--colours", "photos", "--parametrization", "multi_resolution(resolutions=(1, 5))"),
        ("--colours", "not go with --parametrization multi_resolution"),
    ),
    (("--colours", "photos", "--parametrization", "forier"), ("--parametrization", "did you mean fourier")),
]
# The same for `reverie render` alone, and there with all arguments.
RENDER_MISTAKES: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("conv1_1", "3", "--sum", "relu1_1"), ("--sum", "'relu1_1' is not a term: write LAYER:CHANNEL=WEIGHT")),
    (("conv1_1", "3", "--sum", ":5"), ("--sum", "is not a term")),
    (("conv1_1", "3", "--sum", "relu1_1:=1"), ("--sum", "is not a term")),
    (("conv1_1", "3", "--sum", "relu1_1:5=x"), ("--sum", "is not a term")),
    (("conv1_1", "3", "--sum", "relu1_1:5=nan"), ("--sum", "is not a term")),
    (("conv1_1", "3", "--sum", "relu1_1:5=1e400"), ("spec.objective.sum.terms[1].weight", "inf is not a finite")),
    (("conv1_1", "3", "--diversity", "two"), ("--diversity", "not a valid integer")),
    (
        ("conv1_1", "3", "--diversity", "2", "--diversity-weight", "nan"),
        ("spec.objective.sum.terms[1].weight", "nan is not a finite number"),
    ),
    (("conv1_1", "--direction", "absent.npy"), ("absent.npy cannot be read as numbers",)),
    (("conv1_1", "--direction", "notes.txt"), ("notes.txt cannot be read as numbers",)),
    (("conv1_1", "--cosine", "photos"), ("photos cannot be read as numbers",)),
    (("conv1_1", "--cosine", "objects.npy"), ("objects.npy cannot be read as numbers",)),
    (("conv1_1", "3", "--cosine", "vector.npy"), ("CHANNEL '3' has no meaning here",)),
    (("conv1_1", "3", "--layer-squares"), ("CHANNEL '3' has no meaning here",)),
    (("conv1_1", "3", "--recipe", "recipe.json", "--layer-squares"), ("CHANNEL '3'",)),
    (
        ("conv1_1", "3", "--neuron", "1,2", "--layer-squares"),
        ("--neuron and --layer-squares contradict each other",),
    ),
    (
        ("conv1_1", "--direction", "vector.npy", "--cosine", "vector.npy"),
        ("--direction and --cosine contradict each other",),
    ),
    (("conv1_1",), ("Missing argument 'CHANNEL'",)),
    (("--layer-squares",), ("Missing argument 'LAYER'",)),
    (("conv1_1", "3", "--seeds", "x"), ("--seeds 'x' is not a list of seeds",)),
    (("conv1_1", "3", "--seeds", "3-1"), ("--seeds '3-1' is not a list of seeds", "write 1-3, not 3-1")),
    (("conv1_1", "3", "--seeds", ""), ("--seeds '' is not a list of seeds",)),
    (("conv1_1", "3", "--seeds", "-1"), ("--seeds '-1' is not a list of seeds",)),
    (("conv1_1", "3", "--seeds", "all"), ("--seeds all has no end",)),
    (("conv1_1", "3", "--seeds", "0-1", "-o", "{seed}/x.png", "--animate", "x{seed}.mp4"), ("x{seed}.mp4",)),
    (("conv1_1", "3", "--importance", "x.jpg"), ("--importance x.jpg does not end in .png",)),
    (("conv1_1", "3", "--importance", "/proc/x.png"), ("/proc/x.png cannot be written in /proc",)),
    (("conv1_1", "3", "-o", "x.png", "--importance", "x.png"), ("x.png would be written twice",)),
    (("conv1_1", "3", "--alpha", "-o", "x.jpg"), ("x.jpg would be a JPEG",)),
    (("--recipe", "absent.json"), ("absent.json cannot be read",)),
    (("--recipe", "absent.png"), ("absent.png cannot be read",)),
    (("--recipe", "damaged/x.png"), ("damaged/x.png cannot be read",)),
    (("--recipe", "notes.txt"), ("This text is not the spec of a picture",)),
    (("--recipe", "photos/a.png"), ("photos/a.png does not say how it was made",)),
    (("--recipe", "photos"), ("--recipe", "is a directory")),
    (("conv1_1", "--recipe", "recipe.json"), ("CHANNEL is missing: with LAYER it replaces",)),
    (("--recipe", "recipe.json", "--negative"), ("What a recipe excites is replaced as a whole",)),
    (("--recipe", "recipe.json", "--neuron", "1,2"), ("What a recipe excites is replaced as a whole",)),
    (("--recipe", "recipe.json", "--sum", "relu1_1:5"), ("What a recipe excites is replaced as a whole",)),
    (("--recipe", "recipe.json", "--diversity", "3"), ("What a recipe excites is replaced as a whole",)),
    (("--recipe", "recipe.json", "--layer-squares"), ("What a recipe excites is replaced as a whole",)),
    (("--recipe", "recipe.json", "--learning-rate", "nan"), ("spec.learning_rate",)),
]

RECIPE = reverie.Spec(
    "other",
    reverie.logit("dog") - 0.5 * A,
    model_digest="d1" * 32,
    size=(24, 32),
    steps=4,
    seed=7,
    optimizer=optimizers.adam(beta1=0.5),
    transforms=(transforms.jitter(3),),
    penalties=(penalties.tv(0.5),),
)

# Arguments besides a recipe, and what they change of it.
CHANGES: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    ((), {}),
    (("--steps", "9", "--seed", "0"), {"steps": 9, "seed": 0}),
    (("--size", "48"), {"size": (48, 48)}),
    (("--optimizer", "sgd"), {"optimizer": optimizers.sgd()}),
    (("--optimizer", "adam(beta2=0.5)"), {"optimizer": optimizers.adam(beta2=0.5)}),  # replaced, not merged
    (("--transforms", "pad(1), pad(2)"), {"transforms": (transforms.pad(1), transforms.pad(2))}),
    (("--transforms", "none"), {"transforms": "none"}),
    (("--penalty", "l1=2"), {"penalties": (penalties.l1(2.0),)}),
    (("--robustness",), {"robustness": True}),
    (("tiny",), {"model": "tiny", "model_digest": None}),
    (("tiny", "conv1_1", "3"), {"model": "tiny", "model_digest": None, "objective": A}),
    (("tiny", "conv1_1", "3", "--negative"), {"model": "tiny", "model_digest": None, "objective": -A}),
    (
        ("tiny", "logits", "dog"),
        {"model": "tiny", "model_digest": None, "objective": reverie.logit("dog", layer="logits")},
    ),
    (
        ("tiny", "conv1_1", "--layer-squares"),
        {"model": "tiny", "model_digest": None, "objective": reverie.layer("conv1_1")},
    ),
    (
        ("tiny", "conv1_1", "3", "--diversity", "2"),
        {
            "model": "tiny",
            "model_digest": None,
            "objective": A + 100.0 * reverie.objectives.diversity("conv1_1"),
            "pictures": 2,
        },
    ),
]


class Rich(Script):
    """A server whose renderings have what their specs ask for: a group, importance, robustness, and a best seed."""

    def _rendering(self, spec: spec_pb2.RenderSpec, image_format: spec_pb2.ImageFormat) -> spec_pb2.Rendering:
        made = super()._rendering(spec, image_format)
        if spec.pictures > 1:
            shades = [np.full((16, 16, 3), 40 * number, np.uint8) for number in range(spec.pictures)]
            made.images.extend(encode(shade, made.image.format) for shade in shades)
            made.image.CopyFrom(made.images[0])
        if spec.importance:
            jpeg = made.image.format == spec_pb2.IMAGE_FORMAT_JPEG  # which has no opacity
            with_opacity = spec_pb2.IMAGE_FORMAT_PNG if jpeg else made.image.format
            made.importance.CopyFrom(encode(np.zeros((16, 16, 4), np.uint8), with_opacity))
            made.importance.alpha = True
        if spec.robustness:
            made.robustness = 0.756
        made.seed = spec.seed + max(0, spec.best_of - 1)
        return made


@pytest.fixture
def script() -> Script:
    return Rich()


@pytest.fixture
def files(folder: Path) -> Path:
    """Return the working directory with files that options name."""
    np.save("vector.npy", np.array(VECTOR))
    np.save("row.npy", np.array([VECTOR], np.float16))
    os.rename("row.npy", "row.NPY")
    np.save("objects.npy", np.array([{}, None], object), allow_pickle=True)
    Path("vector.txt").write_text("1\n-0.5\n0.25\n")
    Path("vector.csv").write_text(" 1.0, -0.5,2.5e-1")
    Path("notes.txt").write_text("some notes")
    Path("empty").mkdir()
    Path("damaged").mkdir()
    Path("damaged/x.png").write_bytes(b"not a picture")
    Path("photos").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(noise).save("photos/a.png")
    Path("recipe.json").write_text(RECIPE.to_json())
    note = PngInfo()
    note.add_text("reverie", RECIPE.to_json())
    Image.fromarray(noise).save("recipe.PNG", pnginfo=note)
    return folder


def named(rows: list[Any]) -> list[str]:
    return [" ".join(typed) or "nothing" for typed, _ in rows]


def sent(script: Script) -> list[reverie.Spec]:
    """Return the specs that the server received."""
    return [spec.from_message(request.spec) for request in script.requests]


def flags(options: Any) -> Iterator[str]:
    """Yield the long names of the options of a command."""
    for option in options:
        if isinstance(option, click.Option):
            yield max(option.opts, key=len)


@pytest.mark.parametrize(("typed", "words"), PICTURE, ids=named(PICTURE))
def test_an_option_reaches_the_request(
    command: Command, script: Script, typed: tuple[str, ...], words: dict[str, Any]
) -> None:
    result = command("render", "tiny", "conv1_1", 3, *typed)
    assert (result.exit_code, result.stderr) == (0, "")
    assert sent(script) == [reverie.Spec("tiny", A, **words)]


@pytest.mark.parametrize(("typed", "words"), PICTURE, ids=named(PICTURE))
def test_an_option_reaches_the_template_of_a_job(
    command: Command, script: Script, typed: tuple[str, ...], words: dict[str, Any]
) -> None:
    result = command("jobs", "create", "tiny", "conv1_1:3", *typed)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "job-1\n", "")
    (request,) = script.requests
    assert request.template.model == "tiny"
    assert spec.options_of(request.template) == words


@pytest.mark.parametrize(("typed", "objective"), OBJECTIVES, ids=named(OBJECTIVES))
def test_an_option_of_the_goal_reaches_the_objective(
    command: Command, script: Script, files: Path, typed: tuple[str, ...], objective: reverie.Objective
) -> None:
    result = command("render", "tiny", *typed)
    assert (result.exit_code, result.stderr) == (0, "")
    group: Any = {"pictures": 4} if "--diversity" in typed else {}
    assert sent(script) == [reverie.Spec("tiny", objective, **group)]


def test_the_tables_have_every_option() -> None:
    typed = {flag for row, _ in (*PICTURE, *OBJECTIVES) for flag in row if flag.startswith("--")}
    assert set(flags(render.params)) == typed | OTHERS | NOT_PICTURE
    assert set(flags(create.params)) < set(flags(render.params))
    assert len(PICTURE_OPTIONS) + len(GOAL_OPTIONS) == len(typed | {"--magnitude", "--colours"})


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (("conv1_1", "--layer-squares"), "tiny-conv1_1-squares.png"),
        (("conv1_1", "--direction", "vector.npy"), "tiny-conv1_1-direction.png"),
        (("conv1_1", "--cosine", "vector.npy"), "tiny-conv1_1-cosine.png"),
    ],
)
def test_a_picture_without_a_channel_has_a_name(
    command: Command, files: Path, typed: tuple[str, ...], name: str
) -> None:
    assert command("render", "tiny", *typed).stdout.startswith(f"{name}  activation 1.5")
    assert (files / name).exists()


@pytest.mark.parametrize("start", [("render", "tiny", "conv1_1", "3"), ("jobs", "create", "tiny", "conv1_1:3")])
@pytest.mark.parametrize(("typed", "words"), MISTAKES, ids=named(MISTAKES))
def test_a_wrong_value_is_a_sentence_and_nothing_is_sent(
    command: Command,
    script: Script,
    files: Path,
    start: tuple[str, ...],
    typed: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    before = sorted(os.listdir(files))
    result = command(*start, *typed)
    assert (result.exit_code, result.stdout) == (2, "")
    expected = [word.replace("spec.", "template.") if start[0] == "jobs" else word for word in words]
    assert [word for word in expected if word not in result.stderr] == []
    assert "Traceback" not in result.output
    assert script.requests == []
    assert sorted(os.listdir(files)) == before


@pytest.mark.parametrize(("typed", "words"), RENDER_MISTAKES, ids=named(RENDER_MISTAKES))
def test_a_wrong_call_of_render_is_a_sentence_and_nothing_is_sent(
    command: Command, script: Script, files: Path, typed: tuple[str, ...], words: tuple[str, ...]
) -> None:
    before = sorted(os.listdir(files))
    result = command("render", *typed) if typed[0] == "--recipe" else command("render", "tiny", *typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert [word for word in words if word not in result.stderr] == []
    assert "Traceback" not in result.output
    assert script.requests == []
    assert sorted(os.listdir(files)) == before


# Arguments, the kind of parametrization, its arguments, and what is measured for it.
MEASURED: list[tuple[tuple[str, ...], str, dict[str, Any], set[str]]] = [
    (("--colours", "photos"), "fourier", {}, {"colour"}),
    (("--magnitude", "photos"), "maco", {}, {"magnitude"}),
    (("--magnitude", "photos", "--colours", "photos"), "maco", {}, {"magnitude", "colour"}),
    (("--colours", "photos", "--parametrization", "pixel"), "pixel", {}, {"colour"}),
    (("--colours", "photos", "--parametrization", "pixel(mean=0.5)"), "pixel", {"mean": 0.5}, {"colour"}),
    (("--colours", "photos", "--parametrization", "laplacian(colour='none')"), "laplacian", {}, {"colour"}),
    (("--magnitude", "photos", "--parametrization", "maco(ddof=1)"), "maco", {"ddof": 1}, {"magnitude"}),
]


@pytest.mark.parametrize(
    ("typed", "kind", "given", "measured"), MEASURED, ids=[" ".join(typed) for typed, *_ in MEASURED]
)
def test_what_is_measured_in_a_folder_is_part_of_the_parametrization(
    command: Command,
    script: Script,
    files: Path,
    typed: tuple[str, ...],
    kind: str,
    given: dict[str, Any],
    measured: set[str],
) -> None:
    numbers = {"colour": statistics.colours("photos"), "magnitude": statistics.magnitude("photos")}
    expected = getattr(parametrizations, kind)(**given, **{name: numbers[name] for name in measured})
    result = command("render", "tiny", "conv1_1", 3, *typed)
    assert (result.exit_code, result.stderr) == (0, "")
    message = spec.to_message(reverie.Spec("tiny", A, parametrization=expected))
    assert script.requests[0].spec == message


@pytest.mark.parametrize(
    ("typed", "seeds"), [("0-3", [0, 1, 2, 3]), ("5", [5]), (" 7, 2-3", [7, 2, 3]), ("1,1,0-1", [1, 0])]
)
def test_seeds_of_a_job(command: Command, script: Script, typed: str, seeds: list[int]) -> None:
    result = command("jobs", "create", "tiny", "conv1_1:3", "--seeds", typed)
    assert (result.exit_code, result.stderr) == (0, "")
    (request,) = script.requests
    assert list(request.seeds) == seeds


@pytest.mark.parametrize("typed", ["x", "", "3-1", "-1", "all", "0-9999999"])
def test_wrong_seeds_of_a_job_are_refused(command: Command, script: Script, typed: str) -> None:
    result = command("jobs", "create", "tiny", "conv1_1:3", "--seeds", typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--seeds" in result.stderr
    assert script.requests == []


# Arguments, and the files that are written for the seeds 0 and 2.
SEEDED: list[tuple[tuple[str, ...], list[str]]] = [
    ((), ["tiny-conv1_1-3-seed0.png", "tiny-conv1_1-3-seed2.png"]),
    (("-o", "x.webp"), ["x-seed0.webp", "x-seed2.webp"]),
    (("-o", "{seed}-x.png"), ["0-x.png", "2-x.png"]),
    (
        ("-o", "x.png", "--importance", "y.png", "--animate", "z.gif"),
        ["x-seed0.png", "x-seed2.png", "y-seed0.png", "y-seed2.png", "z-seed0.gif", "z-seed2.gif"],
    ),
]


@pytest.mark.parametrize(("typed", "names"), SEEDED, ids=named(SEEDED))
def test_each_seed_has_a_picture(
    command: Command, script: Script, folder: Path, typed: tuple[str, ...], names: list[str]
) -> None:
    result = command("render", "tiny", "conv1_1", 3, "--steps", 3, "--seeds", "0,2", *typed)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [each.seed for each in sent(script)] == [0, 2]
    assert sorted(os.listdir(folder)) == sorted(names)
    first, second = (Path(name) for name in names[:2])
    assert first.read_bytes() != second.read_bytes()


def test_each_channel_has_a_picture_for_each_seed(command: Command, script: Script, folder: Path) -> None:
    assert command("render", "tiny", "conv1_1", "3-4", "--seeds", "0-1", "-o", "out").exit_code == 0
    rendered = [request for request in script.requests if hasattr(request, "spec")]
    assert [(each.spec.objective.channel.channel, each.spec.seed) for each in rendered] == [
        (3, 0),
        (3, 1),
        (4, 0),
        (4, 1),
    ]
    assert len(os.listdir("out")) == 4


def test_one_file_for_the_importance_of_several_channels_is_refused(command: Command, script: Script) -> None:
    result = command("render", "tiny", "conv1_1", "3-4", "--importance", "x.png")
    assert result.exit_code == 2
    assert "x.png would be written twice" in result.stderr
    assert not [request for request in script.requests if hasattr(request, "spec")]


def test_a_group_is_written_as_numbered_files(command: Command, folder: Path) -> None:
    result = command("render", "tiny", "conv1_1", 3, "--diversity", 3, "-o", "x.png")
    assert (result.exit_code, result.stderr) == (0, "")
    assert sorted(os.listdir(folder)) == ["x-1.png", "x-2.png", "x-3.png"]
    assert [line.split("  ")[0] for line in result.stdout.splitlines()] == ["x-1.png", "x-2.png", "x-3.png"]
    for number in range(3):
        with Image.open(f"x-{number + 1}.png") as image:
            assert np.unique(np.asarray(image)).tolist() == [40 * number]


@pytest.mark.parametrize("output", ["x.png", "x.webp", "x.jpg"])
def test_the_importance_is_a_png_of_its_own(command: Command, script: Script, folder: Path, output: str) -> None:
    result = command("render", "tiny", "conv1_1", 3, "-o", output, "--importance", "new/y.PNG")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [each.importance for each in sent(script)] == [True]
    assert result.stdout.endswith("\nnew/y.PNG  importance\n")
    with Image.open("new/y.PNG") as image:
        assert (image.format, image.mode) == ("PNG", "RGBA")


def test_the_robustness_is_printed(command: Command, script: Script) -> None:
    result = command("render", "tiny", "conv1_1", 3, "--robustness")
    assert "  activation 1.5, robustness 0.76, 5 steps" in result.stdout
    assert [each.robustness for each in sent(script)] == [True]


def test_the_best_seed_is_printed(command: Command) -> None:
    result = command("render", "tiny", "conv1_1", 3, "--best-of", 4, "--seed", 2)
    assert "  activation 1.5, seed 5, 5 steps" in result.stdout


@pytest.mark.parametrize("file", ["recipe.json", "recipe.PNG"])
@pytest.mark.parametrize(("typed", "changes"), CHANGES, ids=named(CHANGES))
def test_a_recipe_is_rendered_with_changes(
    command: Command, script: Script, files: Path, file: str, typed: tuple[str, ...], changes: dict[str, Any]
) -> None:
    result = command("render", "--recipe", file, *typed)
    assert (result.exit_code, result.stderr) == (0, "")
    expected = replace(RECIPE, **changes)
    assert sent(script) == [expected]
    assert result.stdout.startswith(f"{expected.model}-recipe-again")
    assert f"activation {'-' if '--negative' in typed else ''}1.5" in result.stdout


def test_a_recipe_of_an_earlier_version_is_rendered(command: Command, script: Script, folder: Path) -> None:
    old = json.loads(reverie.Spec("tiny", A, seed=3).to_json()) | {"schedule": "SCHEDULE_ONE_CYCLE"}
    Path("old.json").write_text(json.dumps(old))
    assert command("render", "--recipe", "old.json", "-o", "x.png").exit_code == 0
    assert sent(script) == [reverie.Spec("tiny", A, seed=3, schedule=schedules.one_cycle())]
    assert Path("x.png").exists()


def test_a_recipe_is_rendered_with_several_seeds(command: Command, script: Script, files: Path) -> None:
    result = command("render", "--recipe", "recipe.json", "--seeds", "0-1", "-o", "x.png", "--importance", "y.png")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [(each.seed, each.importance, each.steps) for each in sent(script)] == [(0, True, 4), (1, True, 4)]
    assert all(Path(name).exists() for name in ("x-seed0.png", "x-seed1.png", "y-seed0.png", "y-seed1.png"))


def test_a_rendered_picture_is_a_recipe(command: Command, script: Script, folder: Path, tmp_path: Path) -> None:
    with serving(script, socket_address(tmp_path)) as (address, _), reverie.Client(address) as client:
        rendering = client.render("tiny", "conv1_1", 3, seed=4, optimizer="nadam", format="raw")
    rendering.save("made.png")
    script.requests.clear()
    assert command("render", "--recipe", "made.png").exit_code == 0
    assert sent(script) == [rendering.spec]
    with Image.open("tiny-made-again.png") as image:
        np.testing.assert_array_equal(np.asarray(image), pixels(spec_pb2.RenderSpec(seed=4, size=square(16))))
