"""The public names of the package, and the cost of importing it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import reverie_export


def test_every_public_name_exists() -> None:
    assert all(hasattr(reverie_export, name) for name in reverie_export.__all__)
    assert reverie_export.export_model.__module__ == "reverie_export.pipeline"
    wrong = "exprot"
    with pytest.raises(AttributeError, match="'reverie_export' has no attribute 'exprot'"):
        getattr(reverie_export, wrong)


def test_the_command_is_described_without_loading_what_it_needs() -> None:
    code = "import sys, reverie_export.command; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert {"onnx", "onnx_ir", "onnxscript", "torch"} & set(ended.stdout.split()) == set()
