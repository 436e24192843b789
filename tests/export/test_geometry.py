"""A graph whose windows are larger than the picture at every size has no sizes, and causes no error."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import numpy_helper
from reverie_export.geometry import Geometry

ODD = {
    "ConvTranspose of a row": "a = GlobalAveragePool (x)  b = Flatten (a)  y = ConvTranspose (b, w)",
    "Conv of a row": "a = GlobalAveragePool (x)  b = Flatten (a)  y = Conv (b, w)",
    "MaxPool of a row": "a = GlobalAveragePool (x)  b = Flatten (a)  y = MaxPool <kernel_shape = [2]> (b)",
    "ConvTranspose with a kernel of two axes": "b = Relu (x)  y = ConvTranspose (b, w)",
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_windows_without_positions_have_no_size(body: str) -> None:
    text = f'<ir_version: 8, opset_import: ["": 18]> g (float[1,3,8,8] x) => (float y) {{ {body} }}'
    proto = onnx.parser.parse_model(text)
    proto.graph.initializer.append(numpy_helper.from_array(np.ones((3, 3), np.float32), "w"))
    geometry = Geometry(ir.from_proto(proto).graph)
    assert "b" in geometry.shapes(1, 8, 8)
    assert "y" not in geometry.shapes(1, 8, 8)
    assert [field.size for field in geometry.fields((8, 8))["y"]] == [float("inf")] * 2
