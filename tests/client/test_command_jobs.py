"""`reverie jobs`: its requests, its output and its exit status."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image
from reverie._command import main
from reverie._command.channels import folded
from reverie_proto.v1 import jobs_pb2

from tests.client.runner import runner
from tests.client.scripted import Command, Script

SUMMARY = "job-1  failed  3 of 4 done, 1 of them before, 1 failed\n"


def test_create_prints_the_id_of_the_job(command: Command, script: Script) -> None:
    result = command("jobs", "create", "tiny", "conv1_1:0-2,5,1", "relu1_1:all", "--steps", 5)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "job-1\n", "")
    (request,) = script.requests
    sent = {each.layer: [(r.first, r.last) for r in each.channels] for each in request.layers}
    assert sent == {"conv1_1": [(0, 2), (5, 5)], "relu1_1": []}
    assert request.template.steps == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("conv1_1:", "relu1_1"), "write numbers and ranges"),
        (("conv1_1:1-x",), "write numbers and ranges"),
        (("conv1_1:5-3",), "write 3-5, not 5-3"),
        (("conv1_1:1", "conv1_1:2"), "named twice"),
        ((), "Missing argument"),
    ],
)
def test_an_invalid_layer_is_refused(command: Command, script: Script, arguments: tuple[str, ...], words: str) -> None:
    result = command("jobs", "create", "tiny", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert script.requests == []


def test_list_prints_one_row_per_job(command: Command) -> None:
    result = command("jobs", "list")
    assert result.exit_code == 0
    rows = result.stdout.splitlines()
    assert len(rows) == 3
    assert rows[1].split()[:5] == ["job-1", "running", "2", "0", "4"]
    assert rows[2].endswith("tiny   conv1_1:0-2, relu1_1:7")


# Ranges of a layer as a server may hold them, and their text in a table.
FOLDED: list[tuple[list[tuple[int, int]], str]] = [
    ([(3, 3)], "3"),
    ([(0, 15), (20, 20)], "0-15,20"),
    ([(n, n) for n in range(512)], "0-511"),
    ([(5, 5), (3, 4), (0, 1)], "0-1,3-5"),
    ([(0, 9), (4, 6), (9, 12)], "0-12"),
    ([(n, n) for n in range(0, 18, 2)], "0,2,4,6,8,10,12,14,... (9 channels)"),
]


@pytest.mark.parametrize(("ranges", "text"), FOLDED, ids=[text for _, text in FOLDED])
def test_channels_are_folded_to_ranges(ranges: list[tuple[int, int]], text: str) -> None:
    assert folded(ranges, most=8) == text


def test_a_list_of_all_channels_and_layers_stays_short(
    command: Command, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wide(_: Script, sequence: int) -> jobs_pb2.RenderJob:
        job = jobs_pb2.RenderJob(id="job-1", template={"model": "tiny"})
        for number in range(30):
            single = [jobs_pb2.ChannelRange(first=channel, last=channel) for channel in range(0, 100, 1 + number % 2)]
            job.layers.add(layer=f"conv{number}", channels=single)
        return job

    monkeypatch.setattr(type(script), "_job", wide)
    row = command("jobs", "list").stdout.splitlines()[1]
    evens = "0,2,4,6,8,10,12,14,... (50 channels)"
    assert row.endswith(f"tiny   conv0:0-99, conv1:{evens}, conv2:0-99, conv3:{evens}, ... (26 more layers)")
    assert "conv29:0,2,4" in command("jobs", "show", "job-1").stdout


def test_show_prints_the_state_of_a_job_and_what_it_waits_for(command: Command, script: Script) -> None:
    script.job_detail = "results cannot be stored: No space left on device"
    result = command("jobs", "show", "job-1")
    assert (result.exit_code, result.stdout) == (0, f"{SUMMARY}tiny  conv1_1:0-2, relu1_1:7\nmade by key:1f\n")
    assert result.stderr == "Waits: results cannot be stored: No space left on device\n"


def test_watch_prints_a_line_for_each_picture_and_ends_with_the_job(command: Command) -> None:
    result = command("jobs", "watch", "job-1")
    assert result.exit_code == 1
    lines = result.stdout.splitlines(keepends=True)
    assert [line.split()[:2] for line in lines[:4]] == [
        ["1", "conv1_1:0"],
        ["2", "conv1_1:1"],
        ["3", "conv1_1:2"],
        ["4", "relu1_1:7"],
    ]
    assert "No such model any more." in lines[2]
    assert lines[4:] == [SUMMARY]
    assert result.stderr == "Error: The job is failed: 3 of 4 pictures were made.\n"


def test_watch_leaves_out_known_events(command: Command) -> None:
    result = command("jobs", "watch", "job-1", "--after", 3)
    assert result.stdout.startswith("4  relu1_1:7")


def test_cancel_prints_how_many_pictures_are_done(command: Command) -> None:
    result = command("jobs", "cancel", "job-1")
    assert (result.exit_code, result.stdout) == (0, SUMMARY.replace("failed  3", "cancelled  3"))


@pytest.mark.parametrize("image_format", ["png", "webp"])
def test_fetch_writes_the_pictures_into_a_folder(
    command: Command, script: Script, folder: Path, image_format: str
) -> None:
    script.job_state = jobs_pb2.JOB_STATE_SUCCEEDED
    result = command("jobs", "fetch", "job-1", "-o", "atlas/tiny", "--format", image_format)
    assert (result.exit_code, result.stdout) == (0, "atlas/tiny  3 pictures\n")
    names = sorted(path.name for path in (folder / "atlas/tiny").iterdir())
    assert names == [f"{name}.{image_format}" for name in ("conv1_1-0000", "conv1_1-0001", "relu1_1-0007")]
    with Image.open(folder / "atlas/tiny" / names[0]) as picture:
        assert picture.size == (16, 16)


def test_ctrl_c_during_fetch_counts_the_pictures_that_are_written(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def interrupted(source: str, target: Path) -> None:
        if "0001" in str(target):
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    result = command("jobs", "fetch", "job-1", "-o", "atlas")
    assert (result.exit_code, result.stderr) == (130, "Cancelled: 1 picture was written before, and stays.\n")
    assert os.listdir(folder / "atlas") == ["conv1_1-0000.png"]


@pytest.mark.parametrize("arguments", [("list",), ("show", "x"), ("create", "tiny", "conv1_1")])
def test_a_job_needs_a_named_server(folder: Path, arguments: tuple[str, ...]) -> None:
    result = runner().invoke(main, ["jobs", *arguments], prog_name="reverie", env={"REVERIE_SERVER": None})
    assert result.exit_code == 2
    assert result.stderr == "Error: Jobs live on a server: name one with --server HOST:PORT or REVERIE_SERVER.\n"
