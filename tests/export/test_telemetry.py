"""Exporting reports nothing to anybody, although ONNX Runtime is installed beside torch."""

from __future__ import annotations

from pathlib import Path

import onnx

from tests.export.forms import network
from tests.offline import start, written

#: Gets an .onnx file and a folder. The sandbox that reads the file is a process of its own.
SCRIPT = """
import os, sys, time
from pathlib import Path

before = dict(os.environ)
import reverie_export
reverie_export.export_model(sys.argv[1], out=Path(sys.argv[2]))
assert dict(os.environ) == before

from reverie._command import main
for words in (
    ["check", sys.argv[1]],
    ["export", "tests.export.networks:vgg", "--weights", "random:0", "--input", "3x32x32", "--out", sys.argv[2]],
):
    main(words, standalone_mode=False)
time.sleep(14)  # ONNX Runtime asks for its collector 9 s after the import
"""


def test_no_export_writes_an_identifier_or_looks_for_another_machine(tmp_path: Path) -> None:
    onnx.save(network(), tmp_path / "network.onnx")
    process = start(SCRIPT, tmp_path / "network.onnx", tmp_path / "models", home=tmp_path / "home")
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert written(tmp_path / "home") == set()
