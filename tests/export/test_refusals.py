"""Every mistake of a user is refused in a sentence, with exit code 2, and nothing is written."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest
import safetensors.torch
import torch
from click.testing import CliRunner
from reverie_export.command import export

from tests.export import networks

HERE = "tests.export.networks:"  # short: @


@dataclass(frozen=True)
class Case:
    """``arguments``, where ``{}`` is a folder that ``prepare`` has written to, and what the refusal must say."""

    arguments: str
    says: tuple[str, ...]
    prepare: Callable[[Path], None] = lambda folder: None


def state() -> dict[str, torch.Tensor]:
    return dict(networks.vgg().state_dict())


def renamed(folder: Path) -> None:
    torch.save({k.replace("conv2.weight", "conv_2.weight"): v for k, v in state().items()}, folder / "w.pth")


def incomplete(folder: Path) -> None:
    safetensors.torch.save_file({k: v for k, v in state().items() if k != "fc.bias"}, folder / "w.safetensors")


def misshapen(folder: Path) -> None:
    torch.save(state() | {"logits.weight": torch.zeros(7, 12)}, folder / "w.pth")


def truncated_pth(folder: Path) -> None:
    torch.save(state(), folder / "w.pth")
    data = (folder / "w.pth").read_bytes()
    (folder / "w.pth").write_bytes(data[: len(data) // 2])


def truncated_safetensors(folder: Path) -> None:
    safetensors.torch.save_file(state(), folder / "w.safetensors")
    data = (folder / "w.safetensors").read_bytes()
    (folder / "w.safetensors").write_bytes(data[:-100])


def empty_file(folder: Path) -> None:
    (folder / "w.pth").write_bytes(b"")


class Evil:
    """An object whose pickle writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def malicious(folder: Path) -> None:
    torch.save({"conv1.weight": Evil(folder / "owned")}, folder / "w.pth")
    with open(folder / "w.pt", "wb") as file:
        pickle.dump(Evil(folder / "owned"), file)


def whole_module(folder: Path) -> None:
    torch.save(networks.vgg(), folder / "w.pth")


def list_of_numbers(folder: Path) -> None:
    torch.save([1, 2, 3], folder / "w.pth")


def onnx_file(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        onnx.save(onnx.parser.parse_model(text), folder / "net.onnx")

    return write


def truncated_onnx(folder: Path) -> None:
    onnx_file(GOOD)(folder)
    data = (folder / "net.onnx").read_bytes()
    (folder / "net.onnx").write_bytes(data[: len(data) // 2])


def model_of_that_name(folder: Path) -> None:
    (folder / "o" / "vgg").mkdir(parents=True)


GOOD = """<ir_version: 8, opset_import: ["": 17]> g (float[1,3,16,16] x) => (float[1,3,16,16] y)
    <float[3,3,1,1] w = {1,0,0,0,1,0,0,0,1}> { y = Conv(x, w) }"""
TWO_INPUTS = """<ir_version: 8, opset_import: ["": 17]> g (float[1,3,8,8] a, float[1,3,8,8] b) => (float[1,3,8,8] y)
    { y = Add(a, b) }"""
FLAT = """<ir_version: 8, opset_import: ["": 17]> g (float[1,8] x) => (float[1,8] y) { y = Relu(x) }"""

CASES = {
    # --- the source ---
    "a name near torchvision's": Case("vgg91 --out {}/o", ("vgg91", "nearest: vgg19")),
    "a path of nothing": Case("../some/net --out {}/o", ("../some/net", "torchvision")),
    "a name like none": Case("zzzzzz --out {}/o", ("zzzzzz", "torchvision")),
    "a package that is not there": Case("no_such_package:net --out {}/o", ("no_such_package", "cannot import")),
    "an attribute that is not there": Case("@vgh --out {}/o", ("vgh", "nearest: vgg")),
    "something that cannot be called": Case("@number --out {}/o", ("int", "not a callable")),
    "a callable that fails": Case("@failing --out {}/o", ("RuntimeError", "no weights today")),
    "a callable of something else": Case("@not_a_module --out {}/o", ("str", "torch.nn.Module")),
    "a size that the network cannot take": Case("@fixed --input 3x20x20 --out {}/o", ("trace", "--input")),
    "an .onnx file that is not there": Case(
        "{}/nut.onnx --out {}/o", ("nut.onnx", "nearest: net.onnx"), onnx_file(GOOD)
    ),
    "a truncated .onnx file": Case("{}/net.onnx --out {}/o", ("net.onnx", "truncated"), truncated_onnx),
    "two inputs": Case("{}/net.onnx --out {}/o", ("one input", "'a'", "'b'"), onnx_file(TWO_INPUTS)),
    "no picture at all": Case("{}/net.onnx --out {}/o", ("[N, C, H, W]", "'x' [1, 8]"), onnx_file(FLAT)),
    # --- the weights ---
    "weights of another name": Case(
        "vgg19 --weights IMAGENET1K_V9 --out {}/o", ("IMAGENET1K_V9", "nearest: IMAGENET1K_V1")
    ),
    "a torchvision name for one's own": Case("@vgg --weights DEFAULT --out {}/o", ("DEFAULT", "random:SEED")),
    "a seed that is none": Case("@vgg --weights random:x --out {}/o", ("random:x", "whole number")),
    "weights for an .onnx file": Case(
        "{}/net.onnx --weights random:0 --out {}/o", ("weights inside",), onnx_file(GOOD)
    ),
    "a file that is not there": Case("@vgg --weights {}/v.pth --out {}/o", ("v.pth", "nearest: w.pth"), renamed),
    "a key of another name": Case(
        "@vgg --weights {}/w.pth --out {}/o",
        (
            "conv2.weight is missing; nearest: conv_2.weight",
            "conv_2.weight is not the network's; nearest: conv2.weight",
        ),
        renamed,
    ),
    "a key too few": Case("@vgg --weights {}/w.safetensors --out {}/o", ("fc.bias is missing",), incomplete),
    "a wrong shape": Case("@vgg --weights {}/w.pth --out {}/o", ("logits.weight", "[7, 12]", "[5, 12]"), misshapen),
    "a truncated .pth": Case("@vgg --weights {}/w.pth --out {}/o", ("w.pth", "truncated"), truncated_pth),
    "a truncated .safetensors": Case(
        "@vgg --weights {}/w.safetensors --out {}/o", ("w.safetensors", "truncated"), truncated_safetensors
    ),
    "an empty file": Case("@vgg --weights {}/w.pth --out {}/o", ("w.pth (0 bytes)",), empty_file),
    "a program in a .pth": Case("@vgg --weights {}/w.pth --out {}/o", ("w.pth", "more than tensors"), malicious),
    "a program in a .pt": Case("@vgg --weights {}/w.pt --out {}/o", ("w.pt", "more than tensors"), malicious),
    "a whole module in a .pth": Case("@vgg --weights {}/w.pth --out {}/o", ("more than tensors",), whole_module),
    "no tensors in a .pth": Case("@vgg --weights {}/w.pth --out {}/o", ("no state dict",), list_of_numbers),
    # --- layers and options ---
    "a layer near one": Case("@vgg --layers conv3 --out {}/o", ("conv3", "nearest: conv2, conv1")),
    "two layers like none": Case("@vgg --layers conv1,xyz,qqq --out {}/o", ("'xyz'", "'qqq'")),
    "a layer without a gradient": Case("@determined --layers after --out {}/o", ("after: no gradient rule for Det",)),
    "a name for no folder": Case("@vgg --name ../x --out {}/o", ("../x", "letters")),
    "a model of that name": Case("@vgg --out {}/o", ("exists", "--force"), model_of_that_name),
    "a mean of two numbers": Case("@vgg --mean 1,2 --out {}/o", ("--mean", "three")),
    "a mean that is no number": Case("@vgg --mean a,b,c --out {}/o", ("--mean", "a,b,c")),
    "a deviation of zero": Case("@vgg --std 1,0,1 --out {}/o", ("--std", "zero")),
    "an input of four numbers": Case("@vgg --input 1x3x32x64 --out {}/o", ("1x3x32x64", "height x width")),
    "an input that is grey": Case("@vgg --input 1x32x32 --out {}/o", ("1 channels", "normalises 3")),
    "an input of no size": Case("@vgg --input 0 --out {}/o", ("--input", "0")),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_invalid_export_is_refused_and_writes_nothing(case: Case, tmp_path: Path) -> None:
    case.prepare(tmp_path)
    before = tree(tmp_path)
    result = CliRunner().invoke(export, case.arguments.replace("{}", str(tmp_path)).replace("@", HERE).split())
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    for part in case.says:
        assert part in " ".join(result.stderr.split()), result.stderr
    assert tree(tmp_path) == before


def tree(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))
