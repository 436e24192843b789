"""The accuracy of lowered programs: each convolution, the gradient, and the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from reverie_ascent.graph.fragment import fragment
from reverie_ascent.graph.shapes import settle
from reverie_ascent.lowering.lower import lower
from reverie_ascent.models.repository import Model
from reverie_ascent.plan import LoweringPlan, Rates, save
from reverie_ascent.runtime import instruction_set
from reverie_ascent.runtime.session import Session, choose_device
from reverie_proto.sizes import Size
from reverie_server import Engine

from tests.ascent.lowering.rewriting import error, lower_all, noise, run

TEXTURE19 = Path(__file__).parents[3] / "ascent/reverie_ascent/embedded/texture19"

#: Rates for which everything is lowered.
ALL = Rates({16: 1.0}, {16: 1e-6}, {16: 1.0}, {16: 1e-6}, 1e-6)


def convolution(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The convolution in float64, written as its definition."""
    windows = sliding_window_view(np.pad(x.astype(np.float64), [(0, 0), (0, 0), (1, 1), (1, 1)]), (3, 3), axis=(2, 3))
    result = np.einsum("nchwyx,mcyx->nmhw", windows, w.astype(np.float64), optimize=True)
    return np.asarray(result + b[:, None, None])


@pytest.mark.parametrize(("channels", "size"), [(16, 64), (64, 28), (256, 14), (512, 7)])
def test_a_convolution_has_an_error_below_a_hundred_thousandth(channels: int, size: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, channels, size, size)).astype(np.float32)
    w = (rng.standard_normal((channels, channels, 3, 3)) / np.sqrt(9 * channels)).astype(np.float32)
    b = rng.standard_normal(channels).astype(np.float32)
    kind = f"float[1, {channels}, {size}, {size}]"
    model = fragment(f"g ({kind} x) => ({kind} y)", "y = Conv <pads = [1, 1, 1, 1]> (x, w, b)", {"w": w, "b": b})
    assert lower_all(model) == ["Conv"]
    assert error(run(model, {"x": x})["y"], convolution(x, w, b)) <= 1e-5


def layer_graph(model: Model, layer: str, size: Size) -> ir.Model:
    graph = model.graph(layer)
    image, cotangent = graph.graph.inputs
    image.shape = ir.Shape([2, 3, *size])
    entry = model.layers[layer].layer
    cotangent.shape = ir.Shape([2, entry.channels, *(model.grid(layer, size) if entry.spatial else ())])
    for value in graph.graph.outputs:
        value.shape = None
    settle(graph)
    return graph


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        ("conv2_2", (40, 40)),
        ("conv3_4", (64, 64)),
        ("conv5_4", (96, 96)),
        ("pool5", (70, 70)),
        ("logits", (64, 64)),
        ("conv3_4", (36, 150)),
        ("pool5", (150, 70)),
    ],
)
def test_the_gradient_of_a_lowered_layer_keeps_its_direction(layer: str, size: Size) -> None:
    model = Model(TEXTURE19)
    plain, lowered = (layer_graph(model, layer, size) for _ in range(2))
    assert lower_all(lowered)
    device = choose_device("cpu", threads=1)
    feeds = {name: np.abs(array) for name, array in noise(plain).items()}
    weights = {"weights.bin": model.weights}
    expected, got = (Session(graph, device, weights=weights).run(feeds) for graph in (plain, lowered))
    assert error(got["activation"], expected["activation"]) <= 1e-5
    one, other = got["gradient"].astype(np.float64), expected["gradient"].astype(np.float64)
    assert (one * other).sum() / (np.linalg.norm(one) * np.linalg.norm(other)) >= 0.9999


@pytest.mark.parametrize(
    ("layer", "channel", "steps"), [("conv2_2", 3, 24), ("relu3_1", 5, 24), ("conv4_2", 7, 24), ("logits", 12, 128)]
)
def test_a_lowered_picture_excites_its_channel_equally(layer: str, channel: int, steps: int, tmp_path: Path) -> None:
    save(LoweringPlan("all", ALL), tmp_path / "all.json")
    kind = f"cpu-{instruction_set.cpu().name}"

    def activation(*, exact: bool) -> float:
        with Engine(device="cpu", threads=1, exact=exact, plan=tmp_path / "all.json") as engine:
            assert engine.info().device_class == (f"{kind}-exact" if exact else kind)
            return engine.render("texture19", layer, channel, steps=steps, size=48).activation

    assert activation(exact=False) == pytest.approx(activation(exact=True), rel=0.02)


def test_an_exact_device_runs_the_unchanged_graph() -> None:
    graph = layer_graph(Model(TEXTURE19), "conv2_2", (32, 32))
    before = [node.op_type for node in graph.graph]
    lower(graph, choose_device("cpu", threads=1, exact=True))
    assert [node.op_type for node in graph.graph] == before
