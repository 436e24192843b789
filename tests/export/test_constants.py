"""`--constant`: values for the inputs of an .onnx file that are not the picture, as numbers or as a file of numpy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner, Result
from reverie_export import Overrides, export_model
from reverie_export.check_command import check
from reverie_export.errors import BadOption

from tests.export.oracle import distance, runtime


def network(other: str) -> onnx.ModelProto:
    """A picture times what another input, ``v``, sums to."""
    return onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 18]> net (float[N,3,8,8] picture, {other} v) => (float[N,3,8,8] y) {{
        w = Cast <to = 1> (v)  s = ReduceSum <keepdims = 0> (w)  m = Mul (picture, s)  y = Tanh (m) }}"""
    )


@dataclass(frozen=True)
class Good:
    """An array that is taken for the input ``other``, and the array that ONNX Runtime gets."""

    other: str
    array: Any
    fed: Any = None


GOOD = {
    "its shape": Good("float[2,3]", np.arange(6, dtype=np.float32).reshape(2, 3) / 10),
    "free sizes": Good("float[a,b]", np.ones((4, 2), np.float32) / 9),
    "a scalar": Good("float", np.array(0.5, np.float32)),
    "the batch left out": Good("float[N,3]", np.array([0.1, 0.2, 0.3], np.float32), np.array([[0.1, 0.2, 0.3]])),
    "a batch of one": Good("float[N,3]", np.array([[0.1, 0.2, 0.3]], np.float32)),
    "float64 that float32 holds": Good("float[2]", np.array([0.5, 0.25])),
    "integers for floats": Good("float[2]", np.array([1, 2])),
    "int32 for int64": Good("int64[2]", np.array([1, 2], np.int32)),
    "floats that are integers": Good("int64[2]", np.array([1.0, 2.0])),
    "0 and 1 for Booleans": Good("bool[2]", np.array([0, 1])),
    "big-endian": Good("float[2]", np.array([0.5, 0.25], ">f4")),
    "columns first": Good("float[2,3]", np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3) / 10)),
}


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_an_array_of_a_file_is_what_the_network_gets(good: Good, tmp_path: Path) -> None:
    model = network(good.other)
    onnx.save(model, tmp_path / "net.onnx")
    np.save(tmp_path / "v.npy", good.array)
    made = export_model(
        str(tmp_path / "net.onnx"), out=tmp_path, overrides=Overrides(constants={"v": str(tmp_path / "v.npy")})
    )
    image = np.random.default_rng(0).random((1, 3, 8, 8), np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    kind = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}[
        session.get_inputs()[1].type
    ]
    fed: np.ndarray = np.asarray(good.array if good.fed is None else good.fed).astype(kind)
    (expected,) = session.run(["y"], {"picture": image, "v": fed})
    activation, _ = runtime(made.folder / "y.onnx", image, np.ones_like(image))
    assert distance(activation, expected) < 1e-6


@dataclass(frozen=True)
class Wrong:
    """An array, or bytes, that is refused for the input ``other``, in a sentence that ``says``."""

    other: str
    array: Any
    says: str


WRONG = {
    "another shape": Wrong("float[2,3]", np.zeros((3, 2), np.float32), "shape [3, 2], and the network takes [2, 3]"),
    "another rank": Wrong("float[2,3]", np.zeros(6, np.float32), "the shape [6], and the network takes [2, 3]"),
    "an axis that may not be left out": Wrong("float[2,3]", np.zeros(3, np.float32), "the shape [3]"),
    "a batch of pictures": Wrong("float[N,3]", np.zeros((4, 3), np.float32), "4 elements along the batch"),
    "float64 that float32 cannot hold": Wrong("float[2]", np.array([0.1, 0.2]), "takes float32"),
    "fractions for integers": Wrong("int64[2]", np.array([0.5, 1.0]), "takes int64"),
    "large numbers": Wrong("int32[2]", np.array([2**40, 1]), "takes int32"),
    "twos for Booleans": Wrong("bool[2]", np.array([0, 2]), "takes bool"),
    "NaN": Wrong("float[2]", np.array([np.nan, 1.0], np.float32), "it holds NaN"),
    "objects": Wrong("float[2]", np.array([{}, []], object), "holds objects"),
    "text": Wrong("float[2]", np.array(["a", "b"]), "not numbers or Booleans"),
    "complex numbers": Wrong("float[2]", np.array([1j, 2]), "not numbers or Booleans"),
    "no array": Wrong("float[2]", b"0.5, 0.25", "no array that numpy.save has written"),
    "nothing": Wrong("float[2]", b"", "no array that numpy.save has written"),
    "a terabyte": Wrong(
        "float[a]",
        b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (250000000000,)}\n",
        "no array",
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_another_array_is_refused_with_what_is_wrong(wrong: Wrong, tmp_path: Path) -> None:
    if isinstance(wrong.array, bytes):
        (tmp_path / "v.npy").write_bytes(wrong.array)
    else:
        np.save(tmp_path / "v.npy", wrong.array, allow_pickle=True)
    message = refused(network(wrong.other), tmp_path, f"v={tmp_path / 'v.npy'}")
    assert wrong.says in message
    assert "--constant v" in message


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("v=other.npy", "there is no file other.npy"),
        ("vv=v.npy", "the network has no such input; nearest: v"),
        ("v=2.5", "takes int64"),
        ("v=nan", "takes int64"),
        ("v=v.txt", "not a list of numbers"),
        ("v", "NAME=NUMBER or NAME=FILE.npy"),
        ("=v.npy", "NAME=NUMBER or NAME=FILE.npy"),
        ("v=1,2,3", "3 numbers do not fill its shape [2]"),
    ],
)
def test_another_option_is_refused_with_what_is_wrong(option: str, says: str, tmp_path: Path) -> None:
    assert says in refused(network("int64[2]"), tmp_path, option)


def test_an_export_refuses_what_a_check_refuses(tmp_path: Path) -> None:
    onnx.save(network("float[2]"), tmp_path / "net.onnx")
    np.save(tmp_path / "v.npy", np.array([np.nan, 1.0]))
    with pytest.raises(BadOption, match="NaN"):
        export_model(
            str(tmp_path / "net.onnx"),
            out=tmp_path / "m",
            overrides=Overrides(constants={"v": str(tmp_path / "v.npy")}),
        )
    assert not (tmp_path / "m").exists()


def refused(model: onnx.ModelProto, folder: Path, option: str) -> str:
    onnx.save(model, folder / "net.onnx")
    result: Result = CliRunner().invoke(check, [str(folder / "net.onnx"), "--quick", "--constant", option])
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return " ".join(result.stderr.replace("│", " ").split())
