"""The first reading of a file in another process: its limits, and what is said when one is reached."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import onnx.backend.test
import pytest
from click.testing import CliRunner
from reverie_export import BadSource, export_model
from reverie_export.check_command import check
from reverie_export.sandbox import KILLED, _crashed

LIGHT = Path(onnx.backend.test.__file__).parent / "data" / "light"
DENSENET = LIGHT / "light_densenet121.onnx"  # takes some seconds to read: 426 layers
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}

PROGRAM = """
import time
from reverie_export.sandbox_child import limit

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

burn({before})
limit(memory=2**40, seconds=1)
burn({after})
print("alive")
"""


def run(before: float, after: float) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(before=before, after=after)
    return subprocess.run(
        [sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=False
    )


def test_time_that_was_used_before_the_limit_does_not_count() -> None:
    assert run(before=3, after=0.5).stdout.strip() == "alive"


def test_a_process_that_takes_too_long_ends_with_the_signal_of_that_limit() -> None:
    assert run(before=0, after=30).returncode == -24  # SIGXCPU, not SIGKILL, which memory may be the reason of


def test_a_stricter_limit_of_the_host_is_kept() -> None:
    program = "from reverie_export.sandbox_child import limit; limit(memory=2**40, seconds=10**6); print('alive')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (300, 300)),
    )
    assert done.stdout.strip() == "alive", done.stderr


def test_a_file_that_takes_too_long_is_refused_for_that_and_the_option_is_named() -> None:
    result = CliRunner().invoke(check, [str(DENSENET), "--quick", "--seconds", "0.1"])
    assert result.exit_code == 2
    message = " ".join(result.stderr.split())
    assert "seconds of processor time" in message
    assert "--seconds" in message
    assert "memory" not in message


def test_a_killed_process_is_not_said_to_have_taken_too_long() -> None:
    assert "killed" in _crashed(DENSENET, KILLED, "", 1.0)
    assert "more memory than a file of its size may" in _crashed(DENSENET, 1, "std::bad_alloc", 1.0)


@pytest.mark.parametrize(("name", "layers"), [("light_densenet121", 426), ("light_shufflenet", 104)])
def test_large_graphs_are_read_within_the_default_limits(name: str, layers: int) -> None:
    result = CliRunner().invoke(check, [str(LIGHT / f"{name}.onnx"), "--quick"])
    assert result.exit_code == 0, result.output
    assert f"{layers} of {layers} layers can be exported" in result.stdout


def test_a_wrong_layer_is_told_before_the_work(tmp_path: Path) -> None:
    stages: list[str] = []
    with pytest.raises(Exception, match=r"no layer 'r665'; nearest: ") as told:
        export_model(
            str(LIGHT / "light_squeezenet.onnx"),
            out=tmp_path,
            layers=["r665"],
            progress=lambda stage, done, total: stages.append(f"{stage} {done}"),
        )
    assert not isinstance(told.value, BadSource)
    assert stages == ["reading the network 0"]
    assert not list(tmp_path.iterdir())
