"""The files that the reader of a page has before the first command, each made by a function."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper, parser
from reverie_ascent.models.repository import embedded_models

from tests.docs.blocks import ROOT

CLASSIFIER = """
<ir_version: 9, opset_import: ["" : 18]>
classifier (float[N, 3, H, W] image) => (float[N, 8] logits) {
    conv = Conv<pads = [1, 1, 1, 1]>(image, kernel, bias)
    relu = Relu(conv)
    axes = Constant<value = int64[2] {2, 3}>()
    logits = ReduceMean<keepdims = 0>(relu, axes)
}
"""
#: What `reverie check` can export in part: the last operator is unknown.
GATED = """
<ir_version: 9, opset_import: ["" : 18, "own" : 1]>
gated (float[N, 3, H, W] picture) => (float y) {
    conv = Conv<pads = [1, 1, 1, 1]>(picture, kernel, bias)
    relu = Relu(conv)
    gate = own.Gate(relu)
    y = Relu(gate)
}
"""


def _network(text: str, path: Path) -> None:
    """Write a network whose `kernel` and `bias` are random."""
    model, random = parser.parse_model(text), np.random.default_rng(0)
    for name, shape in {"kernel": (8, 3, 3, 3), "bias": (8,)}.items():
        weights = random.normal(0, 0.3, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(weights, name))
    onnx.save(model, path)


def _safetensors(weights: dict[str, NDArray[np.float32]], path: Path) -> None:
    from safetensors.numpy import save_file  # only where networks are exported

    save_file(weights, path)


def _exporting(folder: Path) -> None:
    _network(CLASSIFIER, folder / "network.onnx")
    _network(GATED, folder / "net.onnx")
    random = np.random.default_rng(0)
    shapes = {"0.weight": (8, 3, 3, 3), "0.bias": (8,), "3.weight": (16, 8, 3, 3), "3.bias": (16,)}
    shapes |= {"7.weight": (4, 16), "7.bias": (4,)}
    weights = {name: random.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    _safetensors(weights, folder / "mine.safetensors")
    latents = {"W_enc": (8, 32), "b_enc": (32,), "W_dec": (32, 8), "b_dec": (8,)}
    sae = {name: random.normal(0, 0.3, shape).astype(np.float32) for name, shape in latents.items()}
    _safetensors(sae, folder / "sae.safetensors")
    (folder / "cfg.json").write_text('{"d_sae": 32, "architecture": "topk", "k": 4}')
    np.save(folder / "directions.npy", random.normal(0, 1, (3, 8)))


def _protocol(folder: Path) -> None:
    shutil.copytree(ROOT / "proto" / "reverie", folder / "proto" / "reverie")


def _serving(folder: Path) -> None:
    shutil.copytree(embedded_models(), folder / "models", dirs_exist_ok=True)


def _production(folder: Path) -> None:
    (folder / "reverie.toml").write_text("grace = 5\n")


#: Page -> what its reader has.
SETUPS: dict[str, Callable[[Path], None]] = {
    "README.md": lambda folder: _network(CLASSIFIER, folder / "network.onnx"),
    "exporting.md": _exporting,
    "protocol.md": _protocol,
    "gradients.md": lambda folder: _network(CLASSIFIER, folder / "classifier.onnx"),
    "how-gradients-work.md": lambda folder: _network(CLASSIFIER, folder / "network.onnx"),
    "serving.md": _serving,
    "production.md": _production,
}


def set_up(page: Path, folder: Path) -> None:
    """Give the reader of a page the files that it takes for granted."""
    if (files := SETUPS.get(page.name)) is not None:
        files(folder)
