"""`reverie render` of several channels: which ones, their files, and what happens after a failure and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
import reverie
from PIL import Image
from reverie_proto.v1 import catalog_pb2, spec_pb2
from reverie_proto.v1 import visualization_pb2 as wire

from tests.client import scripted
from tests.client.faults import Fault
from tests.client.scripted import Command, Script

STATUS = grpc.StatusCode
COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # also where a shell ignores it
    "from reverie._command import main; main()"
)

# Texts of channels, and the channels of conv1_1, which has 8.
LISTS = [
    ("3,5", [3, 5]),
    ("0-3", [0, 1, 2, 3]),
    ("0-2,7", [0, 1, 2, 7]),
    ("5,0-1,1,5", [5, 0, 1]),
    (" 3 , 5 ", [3, 5]),
    ("3-3", [3]),
    ("all", list(range(8))),
]

# Arguments that are refused before anything is rendered, and a part of the message.
MISTAKES = [
    (("conv1_1", "3,8"), "conv1_1 has the channels 0-7, so not 8 of '3,8'"),
    (("conv1_1", "0-999999"), "conv1_1 has the channels 0-7, so not 8-999999"),
    (("features.0", "6-9"), "features.0 has the channels 0-7, so not 8-9"),
    (("conv1_1", "5-3"), "write 3-5, not 5-3"),
    (("conv1_1", "3-"), "'3-' is not a list of channels: write numbers and ranges"),
    (("conv1_1", "3,,5"), "write numbers and ranges"),
    (("conv1_1", "0-9999999"), "9999999 is too large for a channel"),
    (("conv1_11", "3,5"), "tiny has no layer 'conv1_11'; did you mean conv1_1"),
    (("conv1_1", "3,5", "-o", "x.png"), "-o x.png is one file for several channels: name a folder, or put {channel}"),
    (("conv1_1", "3,5", "-o", "{layer}.png"), "as in {layer}-{channel}.png"),
    (("conv1_1", "3,5", "--animate", "x.gif"), "put {channel} in its name, as in x-{channel}.gif"),
    (("conv1_1", "3,5", "--animate", "{layer}.gif"), "put {channel} in its name"),
    (("conv1_1", "3,5", "-o", "{channel}"), "say which it is with --format"),
    (("conv1_1", "3,5", "-o", "{channel}.png", "--format", "webp"), "contradict"),
    (("conv1_1", "3,5", "-o", "{channel}.webp", "--animate", "{channel}.webp"), "3.webp would be written twice"),
    (("conv1_1", "3,5", "-o", "file"), "cannot be written in file: Not a directory"),
    (("conv1_1", "3,5", "--neuron", "2"), "is not a position"),
]

# Options, and the files of channels 3 and 5.
FILES = [
    ((), ["tiny-conv1_1-3.png", "tiny-conv1_1-5.png"]),
    (("--format", "webp"), ["tiny-conv1_1-3.webp", "tiny-conv1_1-5.webp"]),
    (("-o", "new/folder"), ["new/folder/tiny-conv1_1-3.png", "new/folder/tiny-conv1_1-5.png"]),
    (("-o", "new", "--format", "jpeg"), ["new/tiny-conv1_1-3.jpeg", "new/tiny-conv1_1-5.jpeg"]),
    (("-o", "{layer}"), ["conv1_1/tiny-conv1_1-3.png", "conv1_1/tiny-conv1_1-5.png"]),
    (("-o", "{channel}.jpg"), ["3.jpg", "5.jpg"]),
    (("-o", "{channel}.dat", "--format", "png"), ["3.dat", "5.dat"]),
    (("-o", "{model}/{layer}/{channel}.png"), ["tiny/conv1_1/3.png", "tiny/conv1_1/5.png"]),
    (("-o", "x", "--animate", "{channel}.gif"), ["3.gif", "5.gif", "x/tiny-conv1_1-3.png", "x/tiny-conv1_1-5.png"]),
]


def rendered(script: Script) -> list[reverie.Objective]:
    """Return the objectives of the renders that the server was asked for."""
    specs = [request.spec for request in script.requests if isinstance(request, wire.StreamRenderRequest)]
    return [reverie.spec.from_message(spec).objective for spec in specs]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(("text", "channels"), LISTS, ids=[text for text, _ in LISTS])
def test_each_channel_of_a_list_is_rendered_once(
    command: Command, script: Script, folder: Path, text: str, channels: list[int]
) -> None:
    result = command("render", "tiny", "conv1_1", text)
    assert (result.exit_code, result.stderr) == (0, "")
    assert rendered(script) == [reverie.channel("conv1_1", channel) for channel in channels]
    assert [line.split()[0] for line in result.stdout.splitlines()] == [f"tiny-conv1_1-{c}.png" for c in channels]
    assert files(folder) == sorted(f"tiny-conv1_1-{c}.png" for c in channels)


def test_the_options_apply_to_each_picture(command: Command, script: Script) -> None:
    options = ("--neuron", "2,1", "--negative", "--seed", 7, "--priority", "batch")
    assert command("render", "tiny", "conv1_1", "3,5", *options).exit_code == 0
    assert rendered(script) == [-reverie.neuron("conv1_1", channel, 2, 1) for channel in (3, 5)]
    for request in script.requests[-2:]:
        assert (request.spec.seed, request.priority) == (7, wire.PRIORITY_BATCH)


@pytest.mark.parametrize(("options", "names"), FILES, ids=[" ".join(options) for options, _ in FILES])
def test_output_is_a_folder_or_a_pattern(
    command: Command, folder: Path, options: tuple[str, ...], names: list[str]
) -> None:
    result = command("render", "tiny", "conv1_1", "3,5", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert files(folder) == names
    for name in names:
        with Image.open(folder / name) as image:
            assert image.size == (16, 16)


def test_a_folder_with_the_suffix_of_a_picture_is_a_folder(command: Command, folder: Path) -> None:
    (folder / "x.png").mkdir()
    assert command("render", "tiny", "conv1_1", "3,5", "-o", "x.png").exit_code == 0
    assert files(folder) == ["x.png/tiny-conv1_1-3.png", "x.png/tiny-conv1_1-5.png"]


def test_a_pattern_names_the_file_of_one_channel_too(command: Command, folder: Path) -> None:
    names = ("-o", "{layer}/{channel}.png", "--animate", "{channel}.gif")
    assert command("render", "tiny", "logits", "petals 5", *names).exit_code == 0
    assert files(folder) == ["logits/petals_5.png", "petals_5.gif"]


@pytest.mark.parametrize(("typed", "words"), MISTAKES, ids=[" ".join(typed) for typed, _ in MISTAKES])
def test_a_mistake_is_refused_before_anything_is_rendered(
    command: Command, script: Script, folder: Path, typed: tuple[str, ...], words: str
) -> None:
    (folder / "file").touch()
    result = command("render", "tiny", *typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert rendered(script) == []
    assert os.listdir(folder) == ["file"]


@pytest.mark.parametrize("label", ["0-1", "0,1", "all", "1-"])
def test_the_label_of_a_class_wins_over_a_list(
    command: Command, script: Script, folder: Path, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    model = catalog_pb2.Model()
    model.CopyFrom(scripted.MODELS[0])
    model.labels[1] = label
    monkeypatch.setattr(scripted, "MODELS", (model,))
    assert command("render", "tiny", "logits", label, "-o", "x.png").exit_code == 0
    assert rendered(script) == [reverie.logit(label, layer="logits")]
    assert files(folder) == ["x.png"]
    if label != "1-":  # labels are those of the last layer only
        assert command("render", "tiny", "conv1_1", label).exit_code == 0
        assert rendered(script)[1:3] == [reverie.channel("conv1_1", 0), reverie.channel("conv1_1", 1)]


def test_a_failure_does_not_lose_the_other_pictures(command: Command, script: Script, folder: Path) -> None:
    script.stream_breaks = {1: Fault(STATUS.INTERNAL, "A bug.")}
    result = command("render", "tiny", "conv1_1", "2-4")
    assert result.exit_code == 1
    assert result.stderr == "Error: conv1_1:2: A bug.\n1 of 3 pictures failed.\n"
    assert files(folder) == ["tiny-conv1_1-3.png", "tiny-conv1_1-4.png"]


def test_a_mistake_that_concerns_one_picture_only_is_not_one_of_the_call(command: Command, script: Script) -> None:
    script.stream_breaks = {1: Fault(STATUS.INVALID_ARGUMENT, "Odd.")}
    assert command("render", "tiny", "conv1_1", "2-4").exit_code == 1


@pytest.mark.parametrize(("status", "code"), [(STATUS.INVALID_ARGUMENT, 2), (STATUS.INTERNAL, 1)])
def test_the_status_says_why_all_failed(
    command: Command, script: Script, folder: Path, status: grpc.StatusCode, code: int
) -> None:
    script.late_fault = Fault(status, "No.")
    result = command("render", "tiny", "conv1_1", "3,5", "-o", "new")
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr == "Error: conv1_1:3: No.\nError: conv1_1:5: as before.\n2 of 2 pictures failed.\n"
    assert os.listdir(folder) == []


def test_a_file_that_cannot_be_replaced_does_not_lose_the_others(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def full(source: str, target: Path) -> None:
        if "-3." in str(target):
            raise OSError(28, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    result = command("render", "tiny", "conv1_1", "3,5")
    assert result.exit_code == 1
    assert "Error: conv1_1:3: tiny-conv1_1-3.png: No space left on device\n" in result.stderr
    assert files(folder) == ["tiny-conv1_1-5.png"]


def test_a_unit_that_stays_silent_is_named_and_is_no_failure(command: Command, script: Script) -> None:
    script.outcome = spec_pb2.OUTCOME_DEAD_UNIT
    result = command("render", "tiny", "conv1_1", "3,5")
    assert result.exit_code == 0
    assert result.stderr == "Note: conv1_1:3: All went well.\nNote: conv1_1:5: All went well.\n"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (0, "nothing was written."),
        (1, "1 picture was written before, and stays."),
        (2, "2 pictures were written before, and stay."),
    ],
)
def test_ctrl_c_keeps_the_pictures_that_are_written_and_counts_them(
    script: Script, address: str, folder: Path, monkeypatch: pytest.MonkeyPatch, written: int, words: str
) -> None:
    answer = script._rendering

    def pausing(spec: spec_pb2.RenderSpec, image_format: spec_pb2.ImageFormat) -> spec_pb2.Rendering:
        if reverie.spec.from_message(spec).objective == reverie.channel("conv1_1", written):
            script.wait_at = 2
        return answer(spec, image_format)

    monkeypatch.setattr(script, "_rendering", pausing)
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "render", "tiny", "conv1_1", "0-7", "--server", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert script.waiting.wait(60)
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, complained) == (130, f"Cancelled: {words}\n")
    assert files(folder) == [f"tiny-conv1_1-{channel}.png" for channel in range(written)]
