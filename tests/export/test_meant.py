"""A source that is not one: the sentence says what it is, and the command that it ends with is the one to type."""

from __future__ import annotations

import json
import shlex
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner, Result
from reverie_export.check_command import check
from reverie_export.command import export
from reverie_export.sources.callables import candidates

SCRIPT = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3)

    def forward(self, x):
        return torch.relu(self.conv(x))

class Wide(Net):
    def __init__(self, channels):
        super().__init__(channels)

class Settings:
    pass

def train(data):
    return data

def report():
    print("no value")

def digits():
    return Net()

def build(channels=4):
    return Net(channels)

def _hidden():
    return Net()

network = Net()
SIZE = 16
"""
NO_NETWORK = "def train(data):\n    return data\n"


def written(name: str, data: str | bytes = b"x") -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)

    return write


def onnx_file(folder: Path) -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]> g (float[1,3,16,16] x) => (float[1,3,16,16] y) { y = Relu(x) }"""
    )
    (folder / "files").mkdir()
    onnx.save(model, folder / "files" / "net.onnx")


def torchscript(folder: Path) -> None:
    with zipfile.ZipFile(folder / "net.pt", "w") as archive:
        archive.writestr("net/code/__torch__.py", "")


@dataclass(frozen=True)
class Case:
    """A source, what stands in the current folder, what the sentence says, and the command that it ends with."""

    source: str
    prepare: Callable[[Path], None]
    says: tuple[str, ...]
    command: str
    works: bool = False  # whether the command can be run here


SCRIPTED = written("digits_net.py", SCRIPT)
MANIFEST = json.dumps({"name": "tiny"})
CASES = {
    # --- modules ---
    "a module": Case(
        *("digits_net", SCRIPTED, ("is a Python module", "has build, digits, Net")), "export digits_net:build", True
    ),
    "a module without a callable": Case("nets", written("nets.py", NO_NETWORK), ("def build()",), "export nets:build"),
    "a module inside a package": Case(
        "own.nets", written("own/nets.py", SCRIPT), ("is a Python module",), "export own.nets:build", True
    ),
    "a package": Case("own", written("own/__init__.py", SCRIPT), ("folder",), "export own:build", True),
    "a dot for the colon": Case("digits_net.digits", SCRIPTED, ("colon",), "export digits_net:digits", True),
    "a dot and a wrong name": Case(
        "digits_net.digit", SCRIPTED, ("no 'digit'", "nearest: digits"), "export digits_net:build", True
    ),
    "nothing after the colon": Case("digits_net:", SCRIPTED, ("names no callable",), "export digits_net:build", True),
    "a callable that is not there": Case(
        "digits_net:Digits",
        SCRIPTED,
        ("no 'Digits'", "nearest: digits", "build, digits, Net"),
        "export digits_net:build",
    ),
    "a class that needs arguments": Case("digits_net:Wide", SCRIPTED, ("'channels'",), "export digits_net:build"),
    "a network": Case("digits_net:network", SCRIPTED, ("is a network",), "export digits_net:build"),
    "a number": Case("digits_net:SIZE", SCRIPTED, ("is a int",), "export digits_net:build"),
    "a Python file": Case(
        "digits_net.py", SCRIPTED, ("is a Python file", "build, digits, Net"), "export digits_net:build", True
    ),
    "a Python file and a callable": Case("digits_net.py:Net", SCRIPTED, (), "export digits_net:Net", True),
    "a Python file in a folder": Case("own/nets.py", written("own/nets.py", SCRIPT), (), "export own.nets:build", True),
    "a Python file that is not there": Case("digit_net.py", SCRIPTED, ("no file", "nearest: digits_net.py"), ""),
    # --- weights ---
    "weights": Case("x.pth", written("x.pth"), ("holds weights",), "export NETWORK --weights x.pth"),
    "weights beside a module": Case(
        "digits.safetensors",
        lambda folder: (SCRIPTED(folder), written("digits.safetensors")(folder))[0],
        ("holds weights",),
        "export digits_net:build --weights digits.safetensors",
    ),
    "weights of torchvision's": Case(
        *("resnet50-0676ba61.pth", written("resnet50-0676ba61.pth"), ("holds weights",)),
        "export resnet50 --weights resnet50-0676ba61.pth",
    ),
    "weights that are not there": Case(
        *("ours.pth", written("our.pth"), ("no file ours.pth", "nearest: our.pth")),
        "export NETWORK --weights ours.pth",
    ),
    "a checkpoint": Case("last.ckpt", written("last.ckpt"), ("weights",), "export NETWORK --weights last.ckpt"),
    # --- other frameworks ---
    "TorchScript": Case("net.pt", torchscript, ("TorchScript", "torch.jit.load('net.pt')"), "export net.onnx"),
    "TensorFlow Lite": Case("a/b.tflite", written("a/b.tflite"), ("--tflite a/b.tflite",), "export b.onnx"),
    "Keras": Case("b.keras", written("b.keras"), ("load_model('b.keras').export('b.onnx'",), "export b.onnx"),
    "Keras, the old form": Case("b.h5", written("b.h5"), ("load_model('b.h5')",), "export b.onnx"),
    "a graph of TensorFlow": Case("b.pb", written("b.pb"), ("--graphdef b.pb",), "export b.onnx"),
    "a SavedModel": Case("b", written("b/saved_model.pb"), ("--saved-model b",), "export b.onnx"),
    "PaddlePaddle": Case("b.pdmodel", written("b.pdmodel"), ("paddle2onnx",), "export b.onnx"),
    "OpenVINO": Case("b.xml", written("b.xml"), ("OpenVINO",), "export b.onnx"),
    "a folder of Hugging Face": Case("b", written("b/config.json"), ("optimum-cli",), "export b-onnx/model.onnx"),
    "a model of Hugging Face": Case("own/vit-tiny", written("x"), ("optimum-cli",), "export vit-tiny/model.onnx"),
    # --- folders and addresses ---
    "a folder with files": Case("files", onnx_file, ("net.onnx",), "export files/net.onnx", True),
    "a folder with a module": Case("own", written("own/nets.py", SCRIPT), (), "export own.nets:build", True),
    "a folder with weights": Case("b", written("b/x.pth"), ("x.pth",), "export NETWORK --weights b/x.pth"),
    "an empty folder": Case("b", lambda folder: (folder / "b").mkdir(), ("holds no network",), ""),
    "a model": Case("m/t", written("m/t/manifest.json", MANIFEST), ("layers tiny --models m/t",), "serve --models m/t"),
    "a folder of models": Case("m", written("m/t/manifest.json", MANIFEST), ("(t)",), "serve --models m"),
    "an address": Case(
        *("https://x.org/a/net.onnx?v=1", written("x"), ("curl -L -o net.onnx 'https://x.org/a/net.onnx?v=1'",)),
        "export net.onnx",
    ),
    # --- names ---
    "torchvision's, in capitals": Case("ResNet-50", written("x"), ("nearest: resnet50",), ""),
    "torchvision's, as a path": Case("torchvision.models.vgg11", written("x"), (), "export vgg11"),
    "timm's, as a path": Case("timm.resnet26d", written("x"), (), "export timm:resnet26d"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_source_that_is_not_one_is_told_what_it_is(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in [each for each in sys.modules if each.partition(".")[0] in ("digits_net", "own")]:
        monkeypatch.delitem(sys.modules, name)  # of another test's folder
    before = sorted(tmp_path.rglob("*"))
    result = run(case.source, tmp_path)
    assert result.exit_code == 2, result.output
    told = " ".join(result.stderr.split())
    assert all(part in told for part in case.says), told
    assert sorted(p for p in tmp_path.rglob("*") if "__pycache__" not in p.parts) == before
    if case.command:
        ending = f"reverie {case.command}" + (" --out models" if case.command.startswith("export") else "")
        assert told.endswith(ending), told
    if case.works:
        _, _, source, *_ = shlex.split(told[told.rindex("reverie export") :])
        assert run(source, tmp_path).exit_code == 0


def run(source: str, folder: Path) -> Result:
    return CliRunner().invoke(export, [source, "--out", str(folder / "models"), "--input", "16"])


def test_no_code_of_the_user_is_run_to_find_callables(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text("raise SystemExit\ndef build():\n    return 1\n")
    assert candidates(tmp_path / "loud.py") == ["build"]


@pytest.mark.parametrize("text", ["def build(:\n", "\0", "x = '\ud800'"])
def test_a_file_that_is_not_python_has_no_callables(text: str, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert candidates(tmp_path / "broken.py") == []


def test_check_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "b.tflite").write_bytes(b"x")
    result = CliRunner().invoke(check, [str(tmp_path / "b.tflite")])
    assert result.exit_code == 2
    assert "TensorFlow Lite" in result.stderr
