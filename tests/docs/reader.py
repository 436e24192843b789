"""Does what a reader of a page does: saves its files, runs its code and commands, and compares what they print."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.docs.blocks import ROOT, Block, blocks
from tests.docs.interpreter import Interpreter
from tests.docs.output import matches
from tests.docs.setups import set_up

#: The address that the pages use for a server.
ADDRESS = "127.0.0.1:50051"
#: A server that a page starts is stopped once it is ready; everything else is the real command.
PRELUDE = """
reverie() {
  if [ "$1" = serve ] && [[ " $* " != *" --print-config "* ]]; then "$PYTHON" -m tests.docs.serve_once "${@:2}"
  else command reverie "$@"; fi
}
python() { "$PYTHON" "$@"; }
"""
#: What a block may need that not every environment has, and why a test without it is skipped.
NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "torch": (lambda: _is_importable("torch"), "torch is not installed"),
    "export": (lambda: _is_importable("onnxscript"), "onnxscript is not installed"),
    "grpc_tools": (lambda: _is_importable("grpc_tools"), "grpcio-tools is not installed"),
    "grpcurl": (lambda: shutil.which("grpcurl") is not None, "grpcurl is not installed"),
    "npm": (lambda: shutil.which("npm") is not None, "npm is not installed"),
}


class Reader:
    """Goes through the blocks of one page in a folder of its own, with a server at `address`."""

    def __init__(self, folder: Path, address: str, interpreter: Interpreter) -> None:
        self._folder, self._address, self._interpreter = folder, address, interpreter
        self._printed = ""
        self._do: dict[str, Callable[[str], object]] = {
            "python": self._python,
            "sh": self._shell,
            "console": self._console,
            "toml": tomllib.loads,
            "yaml": yaml.safe_load,
            "json": json.loads,
            "text": lambda _: None,
        }

    def read(self, block: Block) -> None:
        """Save, run or compare a block."""
        text = block.text.replace(ADDRESS, self._address)
        if "prints" in block.directives:
            assert matches(self._printed, text), (
                f"{block.place}: it says\n{text}\nand this was printed\n{self._printed}"
            )
        elif (name := block.directives.get("file")) is not None:
            (self._folder / name).write_text(text)
        else:
            self._do[block.language](text)

    def _python(self, text: str) -> None:
        self._printed = self._interpreter.run(text)

    def _shell(self, text: str) -> None:
        self._printed = self._run(text)

    def _console(self, text: str) -> None:
        """Run each command of a transcript; compare its output if the transcript shows any."""
        for command, said in re.findall(r"^\$ ((?:.*\\\n)*.*\n?)((?:(?!\$ ).*\n?)*)", text, re.MULTILINE):
            printed = self._run(command, may_fail=bool(said))
            assert not said.strip() or matches(printed, said), f"$ {command}printed\n{printed}\nand not\n{said}"

    def _run(self, script: str, *, may_fail: bool = False) -> str:
        """Run commands in the page's folder; return their output, or their errors if there is none."""
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            "REVERIE_SERVER": "",
            "COLUMNS": "120",
        }
        ended = subprocess.run(
            ["bash", "-e", "-u", "-o", "pipefail", "-c", PRELUDE + script],
            cwd=self._folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert may_fail or not ended.returncode, f"{script}ended with status {ended.returncode}:\n{ended.stderr}"
        return ended.stdout or ended.stderr


def read_page(page: Path, folder: Path, address: str) -> None:
    """Do what the reader of a page does; skip at the end if some blocks need what is not here."""
    set_up(page, folder)
    skipped = set()
    with Interpreter(folder) as interpreter:
        reader = Reader(folder, address, interpreter)
        missing: list[str] = []
        for block in blocks(page):
            if "prints" not in block.directives:  # what a block prints needs what that block needs
                missing = [need for need in _needs(block) if not NEEDS[need][0]()]
            if block.is_run and not missing:
                reader.read(block)
            skipped.update(missing)
    if skipped:
        pytest.skip("; ".join(NEEDS[need][1] for need in sorted(skipped)))


def needs_export(page: Path) -> bool:
    """Return whether some code of a page exports networks, which not every environment can."""
    return any(need in ("torch", "export") for block in blocks(page) for need in _needs(block))


def _needs(block: Block) -> list[str]:
    return block.directives.get("needs", "").split()


def _is_importable(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
