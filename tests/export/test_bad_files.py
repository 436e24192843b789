"""Bad files: one clear sentence, exit code 2, and nothing is written, by `reverie check` and by `reverie export`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner, Result
from reverie_export.check_command import check
from reverie_export.command import export

from tests.export.bad_files import BAD, Bad
from tests.export.forms import network


def written(bad: Bad, home: Path) -> Path:
    folder = home / "files"
    folder.mkdir()
    bad.write(folder)
    return folder


def sentence(result: Result) -> str:
    """Return the message on standard error, after a check that it is one sentence and ended the program."""
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    message = result.stderr[result.stderr.index("Error: ") :].strip()
    assert "Traceback" not in message
    assert len(message) < 800
    return " ".join(message.split())


# An export reads files as a check does; a few of each kind show that.
EXPORTED = (
    *("half of one", "a newer opset", "a cycle", "weights of a wrong type", "a terabyte of zeros"),
    *("external data behind a link", "custom operators alone", "a layer that does not see the picture"),
)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_in_a_sentence(bad: Bad, tmp_path: Path) -> None:
    folder = written(bad, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    message = sentence(CliRunner().invoke(check, [str(folder / "net.onnx"), "--quick", *bad.options]))
    for part in bad.says:
        assert part in message
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", EXPORTED)
def test_nothing_is_written_of_a_bad_file(name: str, tmp_path: Path) -> None:
    folder = written(BAD[name], tmp_path)
    before = sorted(tmp_path.rglob("*"))
    arguments = [str(folder / "net.onnx"), "--out", str(tmp_path / "models"), *BAD[name].options]
    message = sentence(CliRunner().invoke(export, arguments))
    for part in BAD[name].says:
        assert part in message
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bad_file_is_reported_as_json_on_request(tmp_path: Path) -> None:
    BAD["a cycle"].write(tmp_path)
    result = CliRunner().invoke(check, [str(tmp_path / "net.onnx"), "--json"])
    assert result.exit_code == 2
    assert "cycle" in json.loads(result.stdout)["error"]


def test_an_export_that_is_killed_half_way_leaves_no_model(tmp_path: Path) -> None:
    onnx.save(network(), tmp_path / "net.onnx")
    out = tmp_path / "models"
    program = (
        "import os, signal, sys; from pathlib import Path; from reverie_export import export_model\n"
        "def kill(stage, done, total):\n"
        "    if stage == 'writing' and done == total // 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "export_model(sys.argv[1], out=Path(sys.argv[2]), progress=kill)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    arguments = [sys.executable, "-c", program, str(tmp_path / "net.onnx"), str(out)]
    killed = subprocess.run(arguments, env=environment, capture_output=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [p.name[0] for p in out.iterdir()] == ["."]  # under way, and no reader takes it for a model
    result = CliRunner().invoke(export, [str(tmp_path / "net.onnx"), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert [p.name for p in out.iterdir()] == ["net"]
