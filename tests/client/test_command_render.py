"""`reverie render`: its request, and the file that it writes."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import reverie
from PIL import Image
from reverie._connection import connection
from reverie_proto.v1 import spec_pb2
from reverie_proto.v1 import visualization_pb2 as wire

from tests.client.faults import Fault
from tests.client.scripted import Command, Script, pixels
from tests.sizes import square

EXPECTED = pixels(spec_pb2.RenderSpec(seed=4, size=square(16)))
A = reverie.channel("conv1_1", 3)

# Arguments after the model, and the objective of the request.
OBJECTIVES: list[tuple[tuple[str, ...], reverie.Objective]] = [
    (("conv1_1", "3"), A),
    (("logits", "dog"), reverie.logit("dog", layer="logits")),
    (("logits", "petals 5"), reverie.logit("petals 5", layer="logits")),
    (("logits", "1"), reverie.channel("logits", 1)),
    (("conv1_1", "3", "--neuron", "2,5"), reverie.neuron("conv1_1", 3, 2, 5)),
    (("conv1_1", "3", "--neuron", " 2 , 5 "), reverie.neuron("conv1_1", 3, 2, 5)),
    (("conv1_1", "3", "--negative"), -A),
    (("conv1_1", "3", "--neuron", "0,0", "--negative"), -reverie.neuron("conv1_1", 3, 0, 0)),
    (("--", "conv1_1", "-3"), reverie.channel("conv1_1", -3)),  # for the server to refuse
    (("logits", "dog", "--negative"), -reverie.logit("dog", layer="logits")),
]

# Arguments, and the attribute of the spec that they set.
OPTIONS = [
    (("--size", "32"), {"size": (32, 32)}),
    (("--size", "24x32"), {"size": (24, 32)}),
    (("--steps", "0"), {"steps": 0}),
    (("--seed", "7"), {"seed": 7}),
    (("--preset", "lucent"), {"preset": "lucent"}),
]

# The output, the format of the request, and the kind of file.
DESTINATIONS = [
    ((), "tiny-conv1_1-3.png", spec_pb2.IMAGE_FORMAT_PNG, "PNG"),
    (("--format", "webp"), "tiny-conv1_1-3.webp", spec_pb2.IMAGE_FORMAT_WEBP, "WEBP"),
    (("--format", "jpeg"), "tiny-conv1_1-3.jpeg", spec_pb2.IMAGE_FORMAT_JPEG, "JPEG"),
    (("-o", "x.png"), "x.png", spec_pb2.IMAGE_FORMAT_PNG, "PNG"),
    (("-o", "x.WEBP"), "x.WEBP", spec_pb2.IMAGE_FORMAT_WEBP, "WEBP"),
    (("-o", "x.jpg"), "x.jpg", spec_pb2.IMAGE_FORMAT_JPEG, "JPEG"),
    (("-o", "x.jpg", "--format", "jpeg"), "x.jpg", spec_pb2.IMAGE_FORMAT_JPEG, "JPEG"),
    (("-o", "x.dat", "--format", "webp"), "x.dat", spec_pb2.IMAGE_FORMAT_WEBP, "WEBP"),
    (("--output", "new/folder/x.png"), "new/folder/x.png", spec_pb2.IMAGE_FORMAT_PNG, "PNG"),
]

# Arguments that are refused before anything is sent, and a part of the message.
MISTAKES = [
    (("conv1_1", "3", "-o", "x.tiff"), "x.tiff does not end in one of .png, .webp, .jpg, .jpeg"),
    (("conv1_1", "3", "-o", "x"), "say which it is with --format"),
    (("conv1_1", "3", "-o", "x.png", "--format", "webp"), "x.png and --format webp contradict each other"),
    (("conv1_1", "3", "-o", "x.jpg", "--format", "png"), "contradict"),
    (("conv1_1", "3", "--format", "gif"), "'gif' is not one of 'png', 'webp', 'jpeg'"),
    (("conv1_1", "3", "--priority", "urgent"), "'urgent' is not one of 'interactive', 'batch'"),
    (("conv1_1", "3", "--neuron", "2"), "'2' is not a position: write row and column, such as 3,4"),
    (("conv1_1", "3", "--neuron", "-1,2"), "is not a position"),
    (("logits", "dog", "--neuron", "2,5"), "--neuron needs the number of a channel, not 'dog'"),
    *(
        (("conv1_1", "3", "--size", size), f"{size!r} is not a size such as 224, or 32x128 (height x width)")
        for size in ("big", "axb", "-1", "1.5", "1x2x3", "32x", "x32", "32X128", "nan", "")
    ),
    (("conv1_1", "3", "--seed", "-1"), "spec.seed: -1 is not in 0..4294967295"),
    (("conv1_1", "3", "--timeout", "0"), "0.0 is not in the range x>0"),
    (("conv1_1", "-3"), "No such option"),
    (("conv1_1",), "Missing argument 'CHANNEL'"),
]


@pytest.mark.parametrize(("typed", "objective"), OBJECTIVES, ids=[" ".join(typed) for typed, _ in OBJECTIVES])
def test_layer_and_channel_become_an_objective(
    command: Command, script: Script, typed: tuple[str, ...], objective: reverie.Objective
) -> None:
    result = command("render", "tiny", *typed)
    assert result.exit_code == 0, result.output
    (request,) = script.requests
    assert reverie.spec.from_message(request.spec) == reverie.Spec("tiny", objective)


@pytest.mark.parametrize(("typed", "words"), OPTIONS, ids=[typed[0] for typed, _ in OPTIONS])
def test_an_option_reaches_the_spec(
    command: Command, script: Script, typed: tuple[str, ...], words: dict[str, Any]
) -> None:
    assert command("render", "tiny", "conv1_1", 3, *typed).exit_code == 0
    assert reverie.spec.from_message(script.requests[-1].spec) == reverie.Spec("tiny", A, **words)


@pytest.mark.parametrize(("typed", "name", "wire", "kind"), DESTINATIONS, ids=[str(d[0]) for d in DESTINATIONS])
def test_the_picture_is_written_in_the_format_of_its_suffix_or_option(
    command: Command, script: Script, folder: Path, typed: tuple[str, ...], name: str, wire: int, kind: str
) -> None:
    result = command("render", "tiny", "conv1_1", 3, "--seed", 4, *typed)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{name}  activation 1.5, 5 steps, 0.2 s\n"
    assert script.requests[-1].format == wire
    assert [path for path in folder.rglob("*") if path.is_file()] == [folder / name]
    with Image.open(folder / name) as image:
        assert (image.format, image.size) == (kind, (16, 16))
        assert np.abs(np.asarray(image, float) - EXPECTED).mean() <= (2.5 if kind == "JPEG" else 0)


def test_a_negative_picture_tells_the_activation_of_the_unit(command: Command) -> None:
    assert "  activation -1.5, 5 steps" in command("render", "tiny", "conv1_1", 3, "--negative").stdout


def test_a_picture_from_the_store_is_reported_as_such(command: Command, script: Script) -> None:
    script.cached = True
    assert (
        command("render", "tiny", "conv1_1", 3).stdout
        == "tiny-conv1_1-3.png  activation 1.5, 5 steps, from the store\n"
    )


def test_a_png_is_written_unchanged(command: Command, folder: Path) -> None:
    assert command("render", "tiny", "conv1_1", 3).exit_code == 0
    with Image.open(folder / "tiny-conv1_1-3.png") as image:
        assert image.info["note"] == "made by the server"


def test_the_default_name_holds_only_characters_that_file_names_may_hold(command: Command, folder: Path) -> None:
    assert command("render", "a/b", "logits", "petals 5/../x").exit_code == 0
    assert os.listdir(folder) == ["a_b-logits-petals_5_.._x.png"]


def test_an_old_picture_is_replaced(command: Command, folder: Path) -> None:
    (folder / "x.png").write_bytes(b"old")
    assert command("render", "tiny", "conv1_1", 3, "-o", "x.png").exit_code == 0
    with Image.open(folder / "x.png") as image:
        assert image.format == "PNG"


@pytest.mark.parametrize(
    ("typed", "priority"),
    [
        ((), 0),
        (("--priority", "interactive"), wire.PRIORITY_INTERACTIVE),
        (("--priority", "batch"), wire.PRIORITY_BATCH),
    ],
)
def test_the_request_has_the_priority(
    command: Command, script: Script, typed: tuple[str, ...], priority: wire.Priority
) -> None:
    assert command("render", "tiny", "conv1_1", 3, *typed).exit_code == 0
    assert script.requests[-1].priority == priority


# Paths that cannot be written, in a folder that contains the file "file", and the reason.
PLACES = [
    ("file/x.png", r"file/x\.png cannot be written in file: Not a directory\."),
    ("file/new/x.png", r"file/new/x\.png cannot be written in file: Not a directory\."),
    ("/proc/x.png", r"/proc/x\.png cannot be written in /proc: .+\."),  # for root, too
    ("/proc/new/x.png", r"/proc/new/x\.png cannot be written in /proc: .+\."),
    (f"{'x' * 300}.png", "File name too long"),
]


@pytest.mark.parametrize(("place", "words"), PLACES, ids=[place[:20] for place, _ in PLACES])
@pytest.mark.parametrize("option", ["-o", "--animate"])
def test_a_path_that_cannot_be_written_is_refused_before_anything_is_sent(
    command: Command, script: Script, folder: Path, option: str, place: str, words: str
) -> None:
    (folder / "file").touch()
    if option == "--animate":
        place, words = place.replace(".png", ".gif"), words.replace(r"\.png", r"\.gif")
    result = command("render", "tiny", "conv1_1", 3, option, place)
    assert result.exit_code == 2
    assert re.search(words, result.stderr)
    assert script.requests == []
    assert os.listdir(folder) == ["file"]


def test_a_folder_as_the_output_is_refused(command: Command, script: Script, folder: Path) -> None:
    (folder / "tiny-conv1_1-3.png").mkdir()
    result = command("render", "tiny", "conv1_1", 3)
    assert (result.exit_code, result.stderr) == (2, "Error: tiny-conv1_1-3.png is a folder: name a file in it.\n")
    assert script.requests == []


def test_a_folder_is_not_made_if_the_render_fails(command: Command, script: Script, folder: Path) -> None:
    script.late_fault = Fault(grpc.StatusCode.INTERNAL)
    assert command("render", "tiny", "conv1_1", 3, "-o", "new/x.png").exit_code == 1
    assert os.listdir(folder) == []


@pytest.mark.parametrize(("typed", "words"), MISTAKES, ids=[" ".join(typed) for typed, _ in MISTAKES])
def test_an_invalid_argument_is_refused_before_anything_is_sent(
    command: Command, script: Script, folder: Path, typed: tuple[str, ...], words: str
) -> None:
    result = command("render", "tiny", *typed)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.output
    assert script.requests == []
    assert os.listdir(folder) == []


def test_a_picture_that_did_not_converge_says_so(command: Command, script: Script, folder: Path) -> None:
    script.outcome = spec_pb2.OUTCOME_DEAD_UNIT
    result = command("render", "tiny", "conv1_1", 3)
    assert result.exit_code == 0
    assert result.stderr == "Note: All went well.\n"
    assert os.listdir(folder) == ["tiny-conv1_1-3.png"]


def test_the_call_has_the_timeout(command: Command, script: Script) -> None:
    assert command("render", "tiny", "conv1_1", 3, "--timeout", 9).exit_code == 0
    assert script.seconds_left[0] == pytest.approx(9, abs=1)


def test_the_call_has_the_token(command: Command, script: Script) -> None:
    assert command("render", "tiny", "conv1_1", 3, "--token", "secret").exit_code == 0
    assert script.metadata[0]["authorization"] == "Bearer secret"


def test_plaintext_to_another_machine_needs_an_option(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool | None] = []

    def remember(address: str, **arguments: Any) -> Any:
        asked.append(arguments["insecure"])
        return connection(address, **arguments)

    monkeypatch.setattr("reverie._base.connection", remember)
    for typed in ((), ("--insecure",)):
        assert command("models", *typed).exit_code == 0
    assert asked == [None, True]


def test_a_terminal_shows_a_bar_with_the_objective(address: str, script: Script, folder: Path) -> None:
    script.wait_at = 4
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from reverie._command import main; main()", "render", "tiny", "conv1_1", "3"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "REVERIE_SERVER": address},
    )
    os.close(theirs)
    shown, until = "", time.monotonic() + 60
    try:
        while "objective 0.3" not in shown and time.monotonic() < until:  # of step 3, after which the server pauses
            shown += os.read(ours, 1 << 16).decode(errors="replace")
        assert "objective 0.3" in shown
        assert "tiny conv1_1:3" in shown
        assert "3/5" in shown
        script.cancelled.set()  # it goes on
        assert process.communicate(timeout=30)[0].startswith("tiny-conv1_1-3.png  activation 1.5")
    finally:
        process.kill()
        process.communicate()
        os.close(ours)
    assert process.returncode == 0
