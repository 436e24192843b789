"""What would break clients of the last release is refused: `make check` runs these with the buf of its environment."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PROTO = Path(__file__).parents[2] / "proto"

#: What a change must not do: a file, a line of it, and what the line becomes.
BREAKS = {
    "a field is gone": ("size.proto", "  int32 height_px = 1;\n", ""),
    "a field has another number": ("size.proto", "int32 height_px = 1;", "int32 height_px = 7;"),
    "a field has another name": ("size.proto", "int32 height_px = 1;", "int32 tall_px = 1;"),
    "a field has another type": ("size.proto", "int32 height_px = 1;", "string height_px = 1;"),
    "a value of an enum is gone": ("spec.proto", "  IMAGE_FORMAT_RAW = 4;\n", ""),
    "a call is gone": (
        "visualization.proto",
        "  rpc GetServerInfo(GetServerInfoRequest) returns",
        "  rpc GetInfo(GetServerInfoRequest) returns",
    ),
    "a call streams": ("visualization.proto", "returns (RenderImageResponse)", "returns (stream RenderImageResponse)"),
}


def breaking(folder: Path) -> subprocess.CompletedProcess[str]:
    """Compare a copy of the protocol with the last release."""
    command = ["buf", "breaking", "--against", str(PROTO / "baseline.binpb")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PROTO / "reverie", tmp_path / "reverie")
    shutil.copy(PROTO / "buf.yaml", tmp_path)
    return tmp_path


def test_the_wire_is_that_of_the_last_release_and_more(copy: Path) -> None:
    done = breaking(copy)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_new_field_breaks_nobody(copy: Path) -> None:
    change(copy, "size.proto", "int32 height_px = 1;", "int32 height_px = 1;\n  int32 depth_px = 3;")
    assert breaking(copy).returncode == 0


@pytest.mark.parametrize(("file", "old", "new"), BREAKS.values(), ids=BREAKS)
def test_what_breaks_clients_is_refused(copy: Path, file: str, old: str, new: str) -> None:
    change(copy, file, old, new)
    done = breaking(copy)
    assert done.returncode == 100, done.stderr
    assert file in done.stdout


def change(copy: Path, file: str, old: str, new: str) -> None:
    path = copy / "reverie" / "v1" / file
    text = path.read_text()
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new))
