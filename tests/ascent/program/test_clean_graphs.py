"""The graph that ONNX Runtime makes of VGG19 on the CPU keeps the blocked layout between its ends, in any layer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import onnx
import pytest
from reverie_ascent.models.repository import ModelRepository, embedded_models
from reverie_gradient import with_gradient

from tests import vgg19

BLOCKED = {"Conv", "MaxPool", "Upsample", "Add", "Mul", "HardSigmoid"}
ENDS = {"ReorderInput", "ReorderOutput", "Sub", "Div", "Mul", "Resize"}  # cotangent, results and normalisation
NCHWC = "com.microsoft.nchwc"
SIDE = 64

# Runs in a separate process: whether a session may have its own threads depends on what the process did before.
LOAD = """
import json, sys
import onnxruntime
source, target, sizes = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.log_severity_level = 3  # it warns that the file it writes is bound to this machine
options.optimized_model_filepath = target
for name, size in json.loads(sizes).items():
    options.add_free_dimension_override_by_name(name, size)
onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
"""


# A layer, and how many masks are brought out to its cotangent: those of the target's own Relu and pool, which lie
# between the cotangent and the first convolution on the way back. Arithmetic on rows with blocks is done in rows.
EMBEDDED = [
    *((layer, 0) for layer in ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4")),
    *(("relu3_2", 1), ("pool1", 2), ("pool4", 2)),
]


@pytest.mark.parametrize(("layer", "masks"), EMBEDDED)
def test_no_tensor_of_the_embedded_network_is_reordered_between_blocked_operators(
    layer: str, masks: int, tmp_path: Path
) -> None:
    model = ModelRepository([embedded_models()]).model("texture19")
    height, width = model.grid(layer, (SIDE, SIDE))
    sizes = {"N": 1, "H": SIDE, "W": SIDE, "h": height, "w": width}
    graph = optimised(model.folder / model.layers[layer].file, sizes, tmp_path)
    _check(graph, "cotangent", {"activation", "gradient"}, masks)


def test_no_tensor_of_a_vgg19_of_full_width_is_reordered_between_blocked_operators(tmp_path: Path) -> None:
    layer = "conv5_4"
    onnx.save(with_gradient(vgg19.graph(layer), of=layer, wrt="image"), tmp_path / "vgg19.onnx")
    side = SIDE // 16
    sizes = {"N": 1, "H": SIDE, "W": SIDE, "h": side, "w": side}
    graph = optimised(tmp_path / "vgg19.onnx", sizes, tmp_path)
    _check(graph, f"{layer}_cotangent", {layer, "image_gradient"}, 0)
    assert [node.op_type for node in graph.node if node.domain == NCHWC].count("Conv") >= 2 * len(vgg19.LAYERS)


def optimised(source: Path, sizes: Mapping[str, int], folder: Path) -> onnx.GraphProto:
    """Return the graph that ONNX Runtime makes of a graph with the given sizes."""
    target = folder / "optimised.onnx"
    command = [sys.executable, "-c", LOAD, str(source), str(target), json.dumps(sizes)]
    subprocess.run(command, check=True, timeout=120)
    return onnx.load(target, load_external_data=False).graph


def _check(graph: onnx.GraphProto, cotangent: str, results: set[str], masks: int) -> None:
    blocked = [node for node in graph.node if node.domain == NCHWC]
    if not blocked:
        pytest.skip("this processor has no blocked layout")
    into = [node for node in blocked if node.op_type == "ReorderInput"]
    out = [node for node in blocked if node.op_type == "ReorderOutput"]
    # There is none between blocked operators: a value that left the layout only enters again as a cotangent's factor.
    seeded = _behind(graph, [cotangent])
    left = _behind(graph, [name for node in out for name in node.output])
    assert [node.name for node in blocked if left & set(node.input) - seeded] == []
    # The allowed reorders: the cotangent on its way in, the results on their way out, and the masks of the target.
    # The image is read as it is.
    assert len(into) <= 1
    assert all(set(node.input) <= seeded for node in into)
    brought = [name for node in out for name in node.output]
    assert len([name for name in brought if name.endswith("/gradient/HardSigmoid")]) == masks
    assert len(brought) == len(results) + masks
    assert all(_behind(graph, [name]) & results for name in brought)
    assert Counter(node.op_type for node in graph.node).keys() <= BLOCKED | ENDS
    assert {node.domain for node in graph.node if node.op_type == "Conv"} == {NCHWC}


def _behind(graph: onnx.GraphProto, names: Iterable[str]) -> set[str]:
    """Return these values and all values that are computed from them."""
    found = set(names)
    for node in graph.node:  # in the order of computation
        if found & set(node.input):
            found.update(node.output)
    return found
