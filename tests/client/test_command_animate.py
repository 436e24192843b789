"""`reverie render --animate`: animations from noise to the picture."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reverie.animation import FRAMES, schedule

from tests.client.scripted import Command, Script

# Numbers of steps, and the frames that are shown: all of them for few steps, most of them early for many.
SCHEDULES = [
    (0, [0]),
    (1, [0, 1]),
    (3, [0, 1, 3]),
    (5, [0, 1, 2, 3, 5]),
]


def frames(path: Path) -> tuple[list[int], list[float]]:
    """Return the brightness and the duration in milliseconds of each frame."""
    brightness, milliseconds = [], []
    with Image.open(path) as image:
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            brightness.append(round(np.asarray(image.convert("RGB"), float).mean()))
            milliseconds.append(image.info["duration"])
        assert image.info["loop"] == 0
    return brightness, milliseconds


@pytest.mark.parametrize(("steps", "shown"), SCHEDULES)
def test_few_steps_are_all_shown_except_the_late_ones(steps: int, shown: list[int]) -> None:
    assert schedule(steps) == shown


@pytest.mark.parametrize("steps", [48, 96, 512, 4096])
def test_many_steps_are_shown_densely_at_first_and_to_the_last(steps: int) -> None:
    shown = schedule(steps)
    assert shown[:2] == [0, 1] or steps > 2000
    assert (shown[0], shown[-1]) == (0, steps)
    assert FRAMES * 2 / 3 < len(shown) <= FRAMES
    gaps = np.diff(shown)
    assert gaps.min() >= 1
    assert gaps[-1] > 3 * gaps[0] or steps == 48


@pytest.mark.parametrize("name", ["x.gif", "x.webp", "x.GIF"])
def test_the_animation_begins_with_the_noise_and_stays_on_the_picture(
    command: Command, script: Script, folder: Path, name: str
) -> None:
    result = command("render", "tiny", "conv1_1", 3, "--steps", 5, "--animate", name)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[1] == f"{name}  5 frames"
    assert list(script.requests[-1].frames.steps) == [0, 1, 2, 3, 5]
    brightness, milliseconds = frames(folder / name)
    assert brightness == pytest.approx([0, 40, 80, 120, 200], abs=2)  # 40 * step, as the scripted server draws them
    assert milliseconds == [70, 70, 70, 70, 2500]
    assert sorted(os.listdir(folder)) == sorted(["tiny-conv1_1-3.png", name])


@pytest.mark.parametrize(("preset", "steps"), [((), 512), (("--preset", "swift"), 48)])
def test_the_default_number_of_steps_is_that_of_the_preset(
    command: Command, script: Script, preset: tuple[str, ...], steps: int
) -> None:
    result = command("render", "tiny", "conv1_1", 3, "--animate", "x.gif", *preset)
    assert result.stdout.splitlines()[1] == f"x.gif  {len(schedule(steps))} frames"
    assert script.requests[-1].spec.steps == steps
    assert list(script.requests[-1].frames.steps) == schedule(steps)


def test_an_unknown_preset_is_refused_by_the_server(command: Command, script: Script) -> None:
    command("render", "tiny", "conv1_1", 3, "--animate", "x.gif", "--preset", "lucit")
    assert script.requests[-1].spec.preset == "lucit"
    assert not script.requests[-1].spec.HasField("steps")


def test_a_single_frame_is_an_animation_too(command: Command, folder: Path) -> None:
    result = command("render", "tiny", "conv1_1", 3, "--steps", 0, "--animate", "x.webp")
    assert result.exit_code == 0, result.output
    with Image.open(folder / "x.webp") as image:
        assert (image.format, image.size) == ("WEBP", (16, 16))


def test_without_animation_no_frames_are_requested(command: Command, script: Script) -> None:
    assert command("render", "tiny", "conv1_1", 3).exit_code == 0
    assert not script.requests[0].HasField("frames")


@pytest.mark.parametrize("name", ["x.png", "x", "x.mp4"])
def test_an_unknown_kind_of_animation_is_refused(command: Command, script: Script, folder: Path, name: str) -> None:
    result = command("render", "tiny", "conv1_1", 3, "--animate", name)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {name} does not end in one of .gif, .webp.\n"
    assert script.requests == []
    assert os.listdir(folder) == []
