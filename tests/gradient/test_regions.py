"""Pooling over no regions, and over rounded regions."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from reverie_gradient import Unrelated, with_gradient

from tests.gradient.gradcheck import session


@pytest.mark.parametrize("ratio", [0, 2])
@pytest.mark.parametrize("mode", ["avg", "max"])
def test_without_regions_the_gradient_is_zero(mode: str, ratio: int) -> None:
    how = f'mode = "{mode}", output_height = 2, output_width = 3, sampling_ratio = {ratio}'
    model = parse(
        f"(float[N,2,6,7] x, float[R,4] r, int64[R] n) => (float[R,2,2,3] y) {{ y = RoiAlign <{how}> (x, r, n) }}"
    )
    run = session(with_gradient(model, of="y", wrt=["x", "r"])).run
    for count in (0, 1):
        feeds = {
            "x": np.arange(168, dtype=np.float32).reshape(2, 2, 6, 7),
            "r": np.array([[1, 1, 4, 4]] * count, np.float32).reshape(count, 4),
            "n": np.zeros(count, np.int64),
            "y_cotangent": np.ones((count, 2, 2, 3), np.float32),
        }
        dx, dr = run(["x_gradient", "r_gradient"], feeds)
        assert dx.shape == (2, 2, 6, 7)
        assert dr.shape == (count, 4)
        assert np.any(dx) == bool(count)


def test_regions_that_are_rounded_have_no_gradient() -> None:
    model = parse(
        "(float[1,2,6,7] x, float[3,5] r) => (float[3,2,1,1] y) { y = MaxRoiPool <pooled_shape=[1,1]> (x, r) }"
    )
    with pytest.raises(Unrelated, match="'r'"):
        with_gradient(model, of="y", wrt="r")


def parse(graph: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]> g {graph}')
