"""`reverie render`, `models` and `layers` without a server, with an engine in the same process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from reverie._command import main
from reverie_server import Engine

from tests.models import LABELS, LAYERS

SMALL = ("--size", "16", "--steps", "3", "--seed", "2")
COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # also where a shell ignores it
    "from reverie._command import main; main()"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty working directory, where no server is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REVERIE_SERVER", raising=False)
    return tmp_path


def run(*typed: str | Path) -> Result:
    return CliRunner().invoke(main, [str(each) for each in typed], prog_name="reverie")


def test_a_picture_is_equal_to_the_engines(models: Path, engine: Engine, folder: Path) -> None:
    result = run("render", "tiny", "conv2_1", "5", *SMALL, "--models", models)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("tiny-conv2_1-5.png  activation ")
    expected = engine.render("tiny", "conv2_1", 5, size=16, steps=3, seed=2)
    assert (folder / "tiny-conv2_1-5.png").read_bytes() == expected.encoded()


def test_each_channel_of_a_list_has_the_engines_picture(models: Path, engine: Engine, folder: Path) -> None:
    result = run("render", "tiny", "conv2_1", "1,4-5", *SMALL, "--models", models, "-o", "atlas/{layer}-{channel}.png")
    assert result.exit_code == 0, result.output
    for channel in (1, 4, 5):
        expected = engine.render("tiny", "conv2_1", channel, size=16, steps=3, seed=2)
        assert (folder / f"atlas/conv2_1-{channel}.png").read_bytes() == expected.encoded()
    assert len(os.listdir(folder / "atlas")) == 3


def test_a_list_that_goes_beyond_the_layer_is_refused(models: Path, folder: Path) -> None:
    result = run("render", "tiny", "logits", "0-99", *SMALL, "--models", models)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"logits has the channels 0-{len(LABELS) - 1}, so not {len(LABELS)}-99 of '0-99'" in result.stderr
    assert os.listdir(folder) == []


def test_all_channels_and_an_animation_of_each(models: Path, folder: Path) -> None:
    result = run("render", "tiny", "logits", "all", *SMALL, "--models", models, "--animate", "{channel}.gif")
    assert result.exit_code == 0, result.output
    channels = range(len(LABELS))
    expected = {name for n in channels for name in (f"tiny-logits-{n}.png", f"{n}.gif")}
    assert set(os.listdir(folder)) == expected


def test_a_label_and_an_animation(models: Path, folder: Path) -> None:
    result = run("render", "tiny", "logits", LABELS[2], *SMALL, "--models", models, "--animate", "x.gif")
    assert result.exit_code == 0, result.output
    with Image.open(folder / f"tiny-logits-{LABELS[2]}.png") as image:
        assert image.size == (16, 16)
    with Image.open(folder / "x.gif") as image:
        assert (image.size, getattr(image, "n_frames", 1)) == ((16, 16), 3)  # after 0, 1 and 3 steps


def test_a_picture_and_its_animation_have_the_height_and_width_that_are_given(models: Path, folder: Path) -> None:
    options = ("--size", "16x40", "--steps", "3", "--animate", "x.gif", "-o", "x.png")
    result = run("render", "tiny", "conv2_1", "5", *options, "--models", models)
    assert result.exit_code == 0, result.output
    for name in ("x.png", "x.gif"):
        with Image.open(folder / name) as image:
            assert (image.height, image.width) == (16, 40)


def test_the_models_of_a_folder_are_listed(models: Path) -> None:
    result = run("models", "--models", models)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split()[:4] == ["tiny", str(len(LAYERS)), str(len(LABELS)), "32"]


def test_the_embedded_model_is_there_by_default() -> None:
    assert run("models").stdout.splitlines()[1].startswith("texture19 ")


def test_the_layers_are_those_of_the_model(models: Path) -> None:
    head, *rows = run("layers", "tiny", "--models", models).stdout.splitlines()
    assert head.split() == ["LAYER", "KIND", "GOOD", "OPERATOR", "CHANNELS", "STRIDE", "FIELD", "SIZES", "ALIASES"]
    cells = [row.split() for row in rows]
    assert [[row[0], *row[3:7]] for row in cells] == [
        [
            layer.name,
            re.split(r"\W", layer.node)[0],
            str(layer.channels),
            str(layer.stride or "-"),
            str(layer.sees or "all"),
        ]
        for layer in LAYERS
    ]


# Arguments, and a part of the message.
MISTAKES = [
    (("render", "tiny", "conv9_9", "1"), "conv9_9"),
    (("render", "tiny", "conv1_1", "999"), "999"),
    (("render", "tiny", "logits", "rings"), "ring"),
    (("render", "tinny", "conv1_1", "1"), "tiny"),
    (("render", "tiny", "--", "conv1_1", "-1"), "-1"),
    (("render", "tiny", "conv1_1", "1", "--size", "16", "--neuron", "99,0"), "99"),
    (("render", "tiny", "conv1_1", "1", "--preset", "lucyd"), "lucid"),
    (("render", "tiny", "conv1_1", "1", "--size", "7x40"), "the height is less than 8"),
    (("render", "tiny", "conv1_1", "1", "--size", "0x40"), "the height 0 is not in 1..1024"),
    (("layers", "tinny"), "tiny"),
]


@pytest.mark.parametrize(("typed", "words"), MISTAKES, ids=[" ".join(typed) for typed, _ in MISTAKES])
def test_a_mistake_is_a_sentence(models: Path, folder: Path, typed: tuple[str, ...], words: str) -> None:
    result = run(typed[0], "--models", models, *typed[1:])
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert result.stderr.startswith("Error: ")
    assert os.listdir(folder) == []


def test_a_folder_without_models_is_named(folder: Path) -> None:
    result = run("models", "--models", folder)
    assert result.exit_code == 2
    assert str(folder) in result.stderr
    assert result.stderr.startswith("Error: The engine in this process cannot start: ")


def test_ctrl_c_stops_the_engine_and_writes_nothing(models: Path, folder: Path) -> None:
    typed = ["render", "tiny", "conv1_1", "1", "--size", "64", "--steps", "10000", "--models", str(models)]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *typed],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        until = time.monotonic() + 60
        while not list(folder.glob("reverie-*/socket")) and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        message, complained = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, message) == (130, "")
    assert complained == "Cancelled: nothing was written.\n"
    assert list(folder.glob("[!.]*")) == []  # no picture and no socket; ONNX Runtime keeps a file of its own there
