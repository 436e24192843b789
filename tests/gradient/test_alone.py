"""`reverie_gradient` needs only onnx, onnx_ir and numpy of the packages of a Reverie installation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx

ABSENT = (
    *("onnxruntime", "torch", "onnxscript", "grpc", "PIL", "click", "rich", "networkx", "platformdirs"),
    *("reverie", "reverie_export", "reverie_proto", "reverie_server"),
)
ALONE = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({ABSENT!r}))  # to import one of them is an error now
runpy.run_module("reverie_gradient", run_name="__main__")
"""


def test_the_command_works_with_nothing_else_installed(tmp_path: Path) -> None:
    text = '<ir_version: 9, opset_import: ["": 18]> g (float[N,4] x) => (float[N,4] y) { y = Tanh(x) }'
    onnx.save(onnx.parser.parse_model(text), tmp_path / "model.onnx")
    arguments = [str(tmp_path / "model.onnx"), "--of", "y", "--wrt", "x", "-o", str(tmp_path / "out.onnx")]
    done = subprocess.run([sys.executable, "-c", ALONE, *arguments], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert [o.name for o in onnx.load(tmp_path / "out.onnx").graph.output] == ["y", "x_gradient"]
