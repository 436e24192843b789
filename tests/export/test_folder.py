"""Model folders are written atomically."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from reverie_export import ExportError, FolderInUse, export_model
from reverie_export.folder import writing

SOURCE = "tests.export.networks:vgg"


def test_an_export_that_is_killed_leaves_no_model_and_the_next_one_tidies_up(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from reverie_export import export_model\n"
        "def slow(stage, done, total):\n"
        "    if stage == 'writing' and done == 3: print('now', flush=True); time.sleep(60)\n"
        f"export_model({SOURCE!r}, out=Path(sys.argv[1]), progress=slow)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".vgg.partial-")
    assert (left / "weights.bin").exists()
    assert not list(tmp_path.rglob("manifest.json"))

    export_model(SOURCE, out=tmp_path, layers=["conv1"])
    assert [p.name for p in tmp_path.iterdir()] == ["vgg"]


def test_an_export_in_progress_is_not_removed(tmp_path: Path) -> None:
    with writing(tmp_path / "a") as first, writing(tmp_path / "b") as second:
        assert first.exists()
        (second / "file").touch()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_an_interrupted_export_is_removed(tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "writing" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_model(SOURCE, out=tmp_path / "models", progress=interrupt)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_model_is_replaced_only_on_request(tmp_path: Path) -> None:
    export_model(SOURCE, out=tmp_path, layers=["conv1"], weights="random:1")
    before = (tmp_path / "vgg" / "manifest.json").read_bytes()
    with pytest.raises(FolderInUse, match="--force"):
        export_model(SOURCE, out=tmp_path, layers=["conv1"], weights="random:2")
    assert (tmp_path / "vgg" / "manifest.json").read_bytes() == before
    export_model(SOURCE, out=tmp_path, layers=["conv2"], weights="random:2", force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["vgg"]
    assert sorted(p.name for p in (tmp_path / "vgg").iterdir()) == ["conv2.onnx", "manifest.json", "weights.bin"]


def test_a_graph_that_the_checker_refuses_stops_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, full_check: bool) -> None:
        assert full_check
        raise onnx.checker.ValidationError("not today")

    monkeypatch.setattr(onnx.checker, "check_model", refuse)
    with pytest.raises(ExportError, match="not today"):
        export_model(SOURCE, out=tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_temporary_folder_of_a_dead_process_is_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f".old.partial-{gone.pid}").mkdir()
    (tmp_path / f".ours.partial-{os.getpid()}").mkdir()
    (tmp_path / ".partial-notes").mkdir()
    with writing(tmp_path / "new"):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == [f".ours.partial-{os.getpid()}", ".partial-notes", "new"]
