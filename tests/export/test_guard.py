"""References to attributes of a function are only allowed inside a function."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from reverie_export.errors import BadSource
from reverie_export.sources.guard import read_model

HEAD = '<ir_version: 8, opset_import: ["": 18, "own": 1]> net (float[N,3,H,W] x) => (float[N,3,H,W] y)'
BRANCHES = """y = If (c) <then_branch = t () => (float[N,3,H,W] p) { p = LeakyRelu <alpha: float = @a> (x) },
                          else_branch = e () => (float[N,3,H,W] q) { q = Neg (x) }>"""
TRUE = "c = Constant <value = bool {1}> ()"
FUNCTION = '<domain: "own", opset_import: ["": 18]> Leak <a> (x, c) => (y)'
INSIDE = {
    "in a function": "y = LeakyRelu <alpha: float = @a> (x)",
    "in a branch within a function": BRANCHES,
}
OUTSIDE = {
    "in the graph": "y = LeakyRelu <alpha: float = @a> (x)",
    "in a branch within the graph": f"{TRUE} {BRANCHES}",
}


def saved(text: str, folder: Path) -> Path:
    onnx.save(onnx.parser.parse_model(text), folder / "net.onnx")
    return folder / "net.onnx"


@pytest.mark.parametrize("body", INSIDE.values(), ids=INSIDE)
def test_a_function_may_use_its_attributes(body: str, tmp_path: Path) -> None:
    path = saved(f"{HEAD} {{ {TRUE} y = own.Leak <a = 0.2> (x, c) }} {FUNCTION} {{ {body} }}", tmp_path)
    assert [function.name for function in read_model(path).functions] == ["Leak"]


@pytest.mark.parametrize("body", OUTSIDE.values(), ids=OUTSIDE)
def test_a_graph_has_no_attributes_to_use(body: str, tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="refers to an attribute of a function it is not in"):
        read_model(saved(f"{HEAD} {{ {body} }}", tmp_path))
