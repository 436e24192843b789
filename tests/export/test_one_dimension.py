"""Networks over one dimension are refused by name, in one sentence, from torch as from an .onnx file."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner
from reverie_export import export_model
from reverie_export.check_command import check
from reverie_export.errors import BadSource

SAYS = "is a network over one dimension, [N, C, L]; only networks for pictures, [N, C, H, W], are taken"
REMEDY = "as two-dimensional ones of height 1, [N, C, 1, L]"

MODULES = {
    "convolutions": "nn.Sequential(nn.Conv1d(4, 8, 9), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(8, 2, 3))",
    "as many channels as a picture": "nn.Sequential(nn.Conv1d(3, 8, 9), nn.ReLU(), nn.AdaptiveAvgPool1d(1))",
    "a transposed convolution": "nn.Sequential(nn.ConvTranspose1d(4, 8, 9))",
    "a pool first": "nn.Sequential(nn.AvgPool1d(2), nn.Conv1d(4, 2, 3))",
}

FILES = {
    "convolutions": "(float[N,4,1000] x) => (float[N,2,l] y) <float[2,4,3] w = {W}> { y = Conv (x, w) }",
    "free sizes": "(float[N,C,L] x) => (float[N,C,l] y) { y = MaxPool <kernel_shape = [2]> (x) }",
    "tokens": "(float[1,16,8] x) => (float[1,16,8] y) { y = Relu (x) }",
}


@pytest.mark.parametrize("name", MODULES)
def test_a_torch_module_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = f"from torch import nn\n\n\ndef sound():\n    return {MODULES[name]}\n"
    package = f"sound_{list(MODULES).index(name)}"
    (tmp_path / f"{package}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadSource) as caught:
        export_model(f"{package}:sound", out=tmp_path / "models")
    assert f"{package}:sound {SAYS}" in str(caught.value)
    assert REMEDY in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_refused(name: str, tmp_path: Path) -> None:
    text = FILES[name].replace("W", ", ".join(["0.5"] * 24))
    onnx.save(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> net {text}'), tmp_path / "net.onnx")
    result = CliRunner().invoke(check, [str(tmp_path / "net.onnx")])
    assert result.exit_code == 2
    assert SAYS in result.stderr
    assert REMEDY in result.stderr
    with pytest.raises(BadSource, match="over one dimension"):
        export_model(str(tmp_path / "net.onnx"), out=tmp_path / "models")


def test_a_network_for_pictures_that_fails_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "from torch import nn\n\n\ndef plain():\n    return nn.Sequential(nn.Conv2d(4, 8, 3), nn.Conv2d(9, 2, 3))\n"
    )
    (tmp_path / "plain_pictures.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadSource) as caught:
        export_model("plain_pictures:plain", out=tmp_path / "models")
    assert "one dimension" not in str(caught.value)
