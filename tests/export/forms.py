"""One network in many forms of .onnx files, all of which compute the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BODY = """
    a = Conv <pads = [1, 1, 1, 1]> (picture, w1, b1)
    b = BatchNormalization (a, s, t, m, v)
    c = Relu (b)
    d = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (c)
    f = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (d, w2)
    h = Sigmoid (f)
    i = Mul (f, h)
    j = GlobalAveragePool (i)
    k = Flatten (j)
    y = Gemm (k, w3, b3)
"""
NEWEST = onnx.defs.onnx_opset_version()


def weights(channels: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"w1": (16, channels, 3, 3), "b1": (16,), "s": (16,), "t": (16,), "m": (16,), "v": (16,)}
    shapes |= {"w2": (24, 16, 3, 3), "w3": (24, 4), "b3": (4,)}
    return {
        name: rng.random(shape, np.float32) + 0.5 if name == "v" else rng.standard_normal(shape, np.float32) / 2
        for name, shape in shapes.items()
    }


def network(
    opset: int = 18,
    *,
    body: str = BODY,
    picture: str = "float[N,3,H,W] picture",
    ir_version: int = 8,
    kind: int = TensorProto.FLOAT,
    channels: int = 3,
    more: Mapping[str, np.ndarray] | None = None,
) -> onnx.ModelProto:
    text = f'<ir_version: {ir_version}, opset_import: ["": {opset}]> net ({picture}) => (float[n,4] y) {{ {body} }}'
    model = onnx.parser.parse_model(text)
    if not picture.startswith("float["):
        model.graph.output[0].type.tensor_type.elem_type = kind
    for name, array in {**weights(channels), **(more or {})}.items():
        if array.dtype == np.float32:
            array = array.astype(helper.tensor_dtype_to_np_dtype(kind))
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


Write = Callable[[Path], None]


def saved(model: onnx.ModelProto) -> Write:
    return lambda path: onnx.save(model, path)


def external(path: Path) -> None:
    onnx.save(network(), path, save_as_external_data=True, location="weights.data", size_threshold=0)


def listed_weights(path: Path) -> None:
    model = network(7, ir_version=3)
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, tensor.dims))
    onnx.save(model, path)


def constant_nodes(path: Path) -> None:
    model = network()
    for tensor in list(model.graph.initializer):
        node = helper.make_node("Constant", [], [tensor.name], value=tensor)
        model.graph.node.insert(0, node)
    del model.graph.initializer[:]
    onnx.save(model, path)


def half(path: Path) -> None:
    onnx.save(network(picture="float16[N,3,H,W] picture", kind=TensorProto.FLOAT16), path)


def bfloat(path: Path) -> None:
    """Weights in bfloat16 that are cast to float32 before use, as in weight-only conversions."""
    model = network(kind=TensorProto.BFLOAT16)
    for tensor in model.graph.initializer:
        model.graph.node.insert(
            0, helper.make_node("Cast", [tensor.name], [f"{tensor.name}.cast"], to=TensorProto.FLOAT)
        )
    for node in model.graph.node:
        if node.op_type != "Cast":
            node.input[:] = [f"{name}.cast" if name in weights() else name for name in node.input]
    onnx.save(model, path)


def with_function(path: Path) -> None:
    """A Swish function that the file defines in its own domain."""
    body = BODY.replace("h = Sigmoid (f)", "").replace("i = Mul (f, h)", "i = own.Swish (f)")
    text = f"""<ir_version: 8, opset_import: ["": 18, "own": 1]>
        net (float[N,3,H,W] picture) => (float[n,4] y) {{ {body} }}
        <domain: "own", opset_import: ["": 18]> Swish (x) => (y) {{ s = Sigmoid (x)  y = Mul (x, s) }}"""
    model = onnx.parser.parse_model(text)
    model.graph.initializer.extend(network().graph.initializer)
    onnx.save(model, path)


def training_leftovers() -> str:
    return (
        BODY.replace("d = MaxPool", "c2, mask = Dropout (c, ratio, off)  d = MaxPool")
        .replace("strides = [2, 2]> (c)", "strides = [2, 2]> (c2)")
        .replace("y = Gemm", "k2 = Identity (k)  y = Gemm")
        .replace("Gemm (k,", "Gemm (k2,")
    )


def channels_last() -> str:
    return "first = Transpose <perm = [0, 3, 1, 2]> (picture)" + BODY.replace(
        "Conv <pads = [1, 1, 1, 1]> (picture", "Conv <pads = [1, 1, 1, 1]> (first"
    )


def channels_last_scaled() -> str:
    """The picture is scaled before it is turned round, as Keras' own preprocessing layers do."""
    return (
        channels_last().replace("(picture)", "(scaled)").replace("first =", "scaled = Mul (picture, one)  first =", 1)
    )


@dataclass(frozen=True)
class Form:
    """How the file is written, and its options."""

    write: Write
    options: Mapping[str, object] = field(default_factory=dict)
    kind: int = TensorProto.FLOAT  # what its weights were rounded to
    layers: Sequence[str] = ("b", "c", "d", "f", "i", "y")


FORMS = {
    **{f"opset {opset}": Form(saved(network(opset))) for opset in (7, 9, 11, 13, 17, 18, 20, 21, 23, 25, NEWEST)},
    "the newest ir_version": Form(saved(network(NEWEST, ir_version=onnx.IR_VERSION))),
    "weights among the inputs": Form(listed_weights),
    "weights as Constant nodes": Form(constant_nodes),
    "external data": Form(external),
    "fixed sizes": Form(saved(network(picture="float[1,3,64,64] picture"))),
    "a batch written into a Reshape": Form(
        saved(
            network(
                picture="float[1,3,64,64] picture",
                body=BODY.replace("Flatten (j)", "Reshape (j, flat)"),
                more={"flat": np.array([1, -1])},
            )
        )
    ),
    "a batch written into a Reshape, all in numbers": Form(
        saved(
            network(
                picture="float[1,3,64,64] picture",
                body=BODY.replace("Flatten (j)", "Reshape (j, flat)"),
                more={"flat": np.array([1, 24])},
            )
        )
    ),
    "sizes computed in the graph": Form(
        saved(
            network(
                body=BODY.replace(
                    "k = Flatten (j)",
                    "size = Shape (j)  n = Gather (size, zero)  head = Unsqueeze (n, axis)"
                    "  whole = Concat <axis = 0> (head, rest)  k = Reshape (j, whole)",
                ),
                more={"zero": np.array(0), "axis": np.array([0]), "rest": np.array([-1])},
            )
        )
    ),
    "float16": Form(half, kind=TensorProto.FLOAT16),
    "bfloat16": Form(bfloat, kind=TensorProto.BFLOAT16),
    "float64": Form(
        saved(network(picture="double[N,3,H,W] picture", kind=TensorProto.DOUBLE)),
    ),
    "a function of its own": Form(with_function),
    "leftovers of training": Form(
        saved(network(body=training_leftovers(), more={"ratio": np.array(0.5, np.float32), "off": np.array(False)}))
    ),
    "channels last": Form(saved(network(picture="float[N,H,W,3] picture", body=channels_last()))),
    "channels last, of one size": Form(saved(network(picture="float[1,64,64,3] picture", body=channels_last()))),
    "channels last, scaled first": Form(
        saved(
            network(
                picture="float[N,H,W,3] picture", body=channels_last_scaled(), more={"one": np.array(1, np.float32)}
            )
        ),
    ),
    "channels last, as said": Form(
        saved(
            network(
                picture="float[N,P,Q,R] picture", body=channels_last_scaled(), more={"one": np.array(1, np.float32)}
            )
        ),
        {"layout": "NHWC"},
    ),
    "a second input": Form(
        saved(
            network(
                picture="float[N,3,H,W] picture, float[1] gain",
                body=BODY.replace("f = Conv", "d2 = Mul (d, gain)  f = Conv").replace("(d, w2)", "(d2, w2)"),
            )
        ),
        {"constants": {"gain": (1.0,)}},
    ),
}
