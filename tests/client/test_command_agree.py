"""`reverie agree`: its requests, its table and its sheet."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import reverie
from PIL import Image
from reverie import _parsing, spec
from reverie.agreement import RECIPES, agreement
from reverie_proto.v1 import spec_pb2

from tests.client.faults import Fault
from tests.client.scripted import SIZE, Command, Script, encode, pixels

A = reverie.channel("conv1_1", 3)
#: The activation of the pictures of each recipe, besides a hundredth for each seed.
ACTIVATIONS = {"fourier": 4.0, "pixel": 1.0, "maco": 2.0}


class Recipes(Script):
    """A server whose pictures and activations depend on the parametrization and the seed."""

    def _rendering(self, spec: spec_pb2.RenderSpec, image_format: spec_pb2.ImageFormat) -> spec_pb2.Rendering:
        made = super()._rendering(spec, image_format)
        kind = spec.parametrization.WhichOneof("kind")
        assert kind is not None
        made.image.CopyFrom(encode(picture(kind, spec.seed), spec_pb2.IMAGE_FORMAT_PNG))
        made.activation = ACTIVATIONS[kind] + spec.seed / 100
        return made


@pytest.fixture
def script() -> Script:
    return Recipes()


def picture(kind: str, seed: int) -> Any:
    """Return the picture of a recipe and a seed: noise of another grain for each recipe."""
    side = {"fourier": 4, "pixel": 16, "maco": 8}[kind]
    noise = np.random.default_rng([side, seed]).integers(0, 256, (side, side, 3), np.uint8)
    return np.asarray(Image.fromarray(noise).resize((16, 16), Image.Resampling.NEAREST))


def rows(text: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()]


# Arguments, the seeds, and what all specs have in common besides.
CALLS: list[tuple[tuple[str, ...], list[int], dict[str, Any]]] = [
    ((), [0, 1, 2, 3], {}),
    (("--seeds", "5,2"), [5, 2], {}),
    (("--seeds", "0-1", "--steps", "3", "--size", "48", "--preset", "lucid"), [0, 1], {
        "steps": 3,
        "size": (48, 48),
        "preset": "lucid",
    }),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "seeds", "common"), CALLS, ids=[" ".join(typed) or "nothing" for typed, *_ in CALLS])
def test_each_recipe_is_rendered_with_each_seed(
    command: Command, script: Script, typed: tuple[str, ...], seeds: list[int], common: dict[str, Any]
) -> None:
    result = command("agree", "tiny", "conv1_1", 3, *typed)
    assert (result.exit_code, result.stderr) == (0, "")
    expected = [
        reverie.Spec("tiny", A, parametrization=name, optimizer=optimizer, learning_rate=rate, seed=seed, **common)
        for name, (optimizer, rate) in RECIPES.items()
        for seed in seeds
    ]
    assert [request.spec for request in script.requests] == [spec.to_message(each) for each in expected]


def test_the_label_of_a_class_is_a_channel(command: Command, script: Script) -> None:
    assert command("agree", "tiny", "logits", "dog", "--seeds", "0-1").exit_code == 0
    objectives = {spec.from_message(request.spec).objective for request in script.requests}
    assert objectives == {reverie.logit("dog", layer="logits")}


def test_the_table_has_a_row_for_each_recipe_and_the_verdict_below(command: Command) -> None:
    result = command("agree", "tiny", "conv1_1", 3, "--seeds", "0,2")
    assert list(RECIPES) == list(ACTIVATIONS)
    *table, spread, likeness = result.stdout.splitlines()
    assert rows("\n".join(table)) == [
        ["RECIPE", "SEED 0", "SEED 2", "MEAN"],
        ["fourier", "4", "4.02", "4.01"],
        ["pixel", "1", "1.02", "1.01"],
        ["maco", "2", "2.02", "2.01"],
    ]
    assert spread == "activation: the recipes differ by 75% of the best"  # (4.01 - 1.01) / 4.01
    whole = spec.to_message(reverie.Spec("tiny", A))
    renderings = [
        [
            _parsing.rendering(
                spec_pb2.Rendering(image=encode(picture(kind, seed), spec_pb2.IMAGE_FORMAT_PNG), effective_spec=whole)
            )
            for seed in (0, 2)
        ]
        for kind in RECIPES
    ]
    found = agreement(tuple(RECIPES), renderings)
    assert found.within > found.across + 0.1
    assert likeness == (f"likeness: {found.within:.2f} between seeds of one recipe, {found.across:.2f} between recipes")


def test_the_sheet_has_a_row_for_each_recipe(command: Command, folder: Path) -> None:
    result = command("agree", "tiny", "conv1_1", 3, "--seeds", "0-1", "-o", "new/sheet.PNG")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "new/sheet.PNG  3 recipes x 2 seeds"
    assert os.listdir(folder) == ["new"]
    with Image.open("new/sheet.PNG") as sheet:
        assert (sheet.format, sheet.size) == ("PNG", (32, 48))
        shown = np.asarray(sheet)
    for y, kind in enumerate(RECIPES):
        for x, seed in enumerate((0, 1)):
            part = shown[16 * y : 16 * y + 16, 16 * x : 16 * x + 16]
            np.testing.assert_array_equal(part, picture(kind, seed))


def test_nothing_is_written_without_a_name(command: Command, folder: Path) -> None:
    assert command("agree", "tiny", "conv1_1", 3, "--seeds", "0-1").exit_code == 0
    assert os.listdir(folder) == []


# Arguments that are refused before anything is sent, and a part of the message.
MISTAKES: list[tuple[tuple[str, ...], str]] = [
    (("conv1_1", "3", "--seeds", "3"), "--seeds 3 is one seed: give at least two"),
    (("conv1_1", "3", "--seeds", "3,3"), "--seeds 3,3 is one seed"),
    (("conv1_1", "3", "--seeds", "x"), "--seeds 'x' is not a list of seeds"),
    (("conv1_1", "3", "--seeds", "all"), "--seeds all has no end"),
    (("conv1_1", "3", "--seeds", "2-1"), "--seeds '2-1' is not a list of seeds"),
    (("conv1_1", "3", "--steps", "x"), "'--steps': 'x' is not a valid integer"),
    (("conv1_1", "3", "--steps", str(2**31)), "spec.steps"),
    (("conv1_1", "3", "--size", "24x32"), "'--size': '24x32' is not a valid integer"),
    (("conv1_1", "3", "--parametrization", "pixel"), "No such option"),
    (("conv1_1", "3", "-o", "sheet.jpg"), "-o sheet.jpg does not end in .png"),
    (("conv1_1", "3", "-o", "sheet"), "-o sheet does not end in .png"),
    (("conv1_1", "3", "-o", "/proc/sheet.png"), "/proc/sheet.png cannot be written in /proc"),
    (("conv1_1",), "Missing argument 'CHANNEL'"),
]


@pytest.mark.parametrize(("typed", "words"), MISTAKES, ids=[" ".join(typed) for typed, _ in MISTAKES])
def test_a_mistake_is_refused_before_anything_is_rendered(
    command: Command, script: Script, folder: Path, typed: tuple[str, ...], words: str
) -> None:
    result = command("agree", "tiny", *typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert script.requests == []
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    ("status", "code"), [(grpc.StatusCode.INVALID_ARGUMENT, 2), (grpc.StatusCode.RESOURCE_EXHAUSTED, 1)]
)
def test_a_refusal_of_the_server_ends_the_command(
    command: Command, script: Script, folder: Path, status: grpc.StatusCode, code: int
) -> None:
    script.faults.append(Fault(status, "Not this one."))
    result = command("agree", "tiny", "conv1_1", 3, "-o", "sheet.png")
    assert (result.exit_code, result.stdout) == (code, "")
    assert "Error: Not this one.\n" in result.stderr
    assert len(script.requests) == 1
    assert os.listdir(folder) == []


def test_pictures_that_are_equal_agree(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recipes, "_rendering", Script._rendering)
    monkeypatch.setattr("tests.client.scripted.pixels", lambda _: pixels(spec_pb2.RenderSpec(size=SIZE)))
    result = command("agree", "tiny", "conv1_1", 3, "--seeds", "0-1")
    assert result.stdout.splitlines()[-2:] == [
        "activation: the recipes differ by 0% of the best",
        "likeness: 1.00 between seeds of one recipe, 1.00 between recipes",
    ]
