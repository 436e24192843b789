"""Nothing of ours lets ONNX Runtime report to its makers, unless the user has asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.offline import KILLED, start, written
from tests.server.fakes import PATIENCE_S

#: Seconds that a process stays: ONNX Runtime 1.32 asks for its collector 9 s after the import.
STAY_S = 14

STAY = f"\nimport time\ntime.sleep({STAY_S})\n"

#: Runs the `reverie` command with some words, and stays.
COMMAND = """
import sys
from reverie._command import main
main({words}, standalone_mode=False)
"""

#: The scripts get a folder of models and an empty folder.
SCRIPTS = {
    "an engine renders": """
import os, sys
from reverie_server import Engine
before = dict(os.environ)
with Engine([sys.argv[1]], device="cpu", threads=1) as engine:
    engine.render("tiny", "conv2_1", 1, size=32, steps=2)
assert dict(os.environ) == before, "the variable is the host's"
""",
    "a session is made without a server": """
from reverie_ascent.runtime.session import choose_device
choose_device("auto", threads=1)
""",
    "another library imports ONNX Runtime after us": """
import reverie_ascent.runtime.session
import onnxruntime
""",
    "a child of another method has its own import": f"""
import concurrent.futures, multiprocessing, time
from reverie_ascent.runtime.session import choose_device
with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
    pool.submit(choose_device, "cpu", threads=1).result()
    pool.submit(time.sleep, {STAY_S}).result()
""",
    "reverie doctor": COMMAND.format(words="'doctor --device cpu --threads 1'.split()"),
    "reverie render": COMMAND.replace(
        "{words}", "'render tiny conv2_1 1 --size 32 --steps 2 --models {} -o {}/x.png'.format(*sys.argv[1:]).split()"
    ),
    "a command whose packages import ONNX Runtime by themselves": """
import click
from reverie._command.group import Commands

@click.command()
def third_party():
    import onnxruntime

class Entry:
    def load(self):
        return third_party

Commands(found={"third-party": Entry()}).main(["third-party"], standalone_mode=False)
""",
    "reverie serve, until it is stopped": f"""
import os, signal, sys, threading, time
from reverie._command import main

def stop():
    while not os.path.exists(sys.argv[2] + "/socket"):
        time.sleep(0.1)
    time.sleep({STAY_S})
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=stop, daemon=True).start()
words = ["serve", "--models", sys.argv[1], "--listen", "unix:" + sys.argv[2] + "/socket", "--device", "cpu"]
main(words + ["--metrics", "127.0.0.1:0", "--warm", "tiny/conv1_1"], standalone_mode=False)
""",
}


def test_no_process_of_ours_writes_an_identifier_or_looks_for_another_machine(models: Path, tmp_path: Path) -> None:
    """All at once, because they mostly wait."""
    running = {}
    for number, (name, script) in enumerate(SCRIPTS.items()):
        (tmp_path / f"empty{number}").mkdir()
        home = tmp_path / f"home{number}"
        stay = "" if str(STAY_S) in script else STAY
        running[name] = (home, start(script + stay, models, tmp_path / f"empty{number}", home=home))
    ended = {
        name: (home, process.communicate(timeout=PATIENCE_S), process) for name, (home, process) in running.items()
    }
    for name, (home, (_, stderr), process) in ended.items():
        assert process.returncode == 0, (name, process.returncode, stderr)
        assert written(home) == set(), name


REPORTS = {
    "an import that nothing guards": ("import onnxruntime", {}),
    "an import by the host, before ours": ("import onnxruntime, reverie_ascent.runtime.session", {}),
    "a user who has asked for it": ("import reverie_ascent.runtime.session", {"ORT_DISABLE_TELEMETRY": "0"}),
}


@pytest.mark.parametrize(("script", "environment"), REPORTS.values(), ids=REPORTS)
def test_a_report_would_be_noticed(script: str, environment: dict[str, str], tmp_path: Path) -> None:
    """The other way round: what the tests above look for happens where we do not, or must not, prevent it."""
    process = start(f"{script}\nimport time\ntime.sleep({PATIENCE_S})\n", home=tmp_path / "home", **environment)
    _, stderr = process.communicate(timeout=2 * PATIENCE_S)
    assert process.returncode == KILLED, stderr
    assert any(path.endswith("deviceid") for path in written(tmp_path / "home"))


@pytest.mark.parametrize("package", ["bench", "conformance", "tests.conftest"])
def test_scripts_beside_the_packages_report_nothing(package: str, tmp_path: Path) -> None:
    process = start(f"import {package}, onnxruntime", home=tmp_path / "home")
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, stderr
    assert written(tmp_path / "home") == set()


TELEMETRY = [("", False), ("1", False), (" TRUE ", False), ("0", True), ("2", True), ("no", True)]


@pytest.mark.parametrize(("value", "on"), TELEMETRY)
def test_the_state_of_the_telemetry_is_known(value: str, on: bool, tmp_path: Path) -> None:
    script = "from reverie_ascent.runtime.ort import telemetry_on; import os; os.write(1, str(telemetry_on).encode())"
    process = start(script, home=tmp_path / "home", ORT_DISABLE_TELEMETRY=value)
    assert process.communicate(timeout=PATIENCE_S)[0] == str(on)
    assert bool(written(tmp_path / "home")) == on
