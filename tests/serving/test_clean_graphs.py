"""What ONNX Runtime makes of the embedded VGG19: nothing leaves the blocked layout between the ends, in any layer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import onnx
import onnxruntime
import pytest
from reverie_server import runtime
from reverie_server.models import ModelStore, embedded_models

BLOCKED = {"Conv", "MaxPool", "Upsample", "Add", "Mul", "HardSigmoid"}
ENDS = {"ReorderInput", "ReorderOutput", "Sub", "Div", "Mul"}  # the cotangent and the results, the normalisation
SIDE = 64


@pytest.mark.parametrize("layer", ["conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4"])
def test_no_tensor_is_reordered_between_blocked_operators(layer: str, tmp_path: Path) -> None:
    model = ModelStore([embedded_models()]).model("texture19")
    height, width = model.grid(layer, SIDE)
    options = onnxruntime.SessionOptions()
    options.use_per_session_threads = not runtime._shared  # one pool serves all sessions, once there is one
    options.log_severity_level = 3  # it warns that the file it writes is bound to this machine
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    for name, size in {"N": 1, "H": SIDE, "W": SIDE, "h": height, "w": width}.items():
        options.add_free_dimension_override_by_name(name, size)
    onnxruntime.InferenceSession(
        str(model.folder / model.layers[layer].file), options, providers=["CPUExecutionProvider"]
    )
    nodes = onnx.load(tmp_path / "optimised.onnx", load_external_data=False).graph.node
    if not any(node.domain == "com.microsoft.nchwc" for node in nodes):
        pytest.skip("this processor has no blocked layout")
    counts = Counter(node.op_type for node in nodes)
    assert counts.keys() <= BLOCKED | ENDS
    assert counts["ReorderInput"] <= 1  # the cotangent; the first convolution reads the image as it is
    assert counts["ReorderOutput"] == 2
    assert len([node for node in nodes if node.op_type == "Conv" and node.domain == "com.microsoft.nchwc"]) >= 4
