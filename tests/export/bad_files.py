"""Damaged, malicious and misleading files: how to make each, and the message that it must give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tests.export.forms import NEWEST, external, network


@dataclass(frozen=True)
class Bad:
    """A bad file: ``write`` makes ``net.onnx`` in a folder; ``says`` are parts of the expected message."""

    write: Callable[[Path], None]
    says: tuple[str, ...]
    options: tuple[str, ...] = ()


def text(body: str, *, head: str = "float[1,3,8,8] x", end: str = "float[a,b,c,d] y", opset: int = 18) -> ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> g ({head}) => ({end}) {{ {body} }}')


def parsed(body: str, **more: object) -> Callable[[Path], None]:
    return lambda folder: onnx.save(text(body, **more), folder / "net.onnx")  # type: ignore[arg-type]


def changed(change: Callable[[ModelProto], None]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        model = network()
        change(model)
        (folder / "net.onnx").write_bytes(model.SerializeToString())

    return write


def raw(data: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "net.onnx").write_bytes(data)

    return write


def over_large(folder: Path) -> None:
    with open(folder / "net.onnx", "wb") as file:
        file.truncate(2**31)  # without a byte on the disk


def elsewhere(location: str, *, offset: str = "0", length: str | None = None) -> Callable[[Path], None]:
    """Return a model with external data at a location that is not allowed."""

    def write(folder: Path) -> None:
        (folder.parent / f"{folder.name}.secret").write_bytes(bytes(4096))
        external(folder / "net.onnx")
        model = onnx.load(folder / "net.onnx", load_external_data=False)
        for entry in model.graph.initializer[0].external_data:
            if entry.key == "location":
                entry.value = location.replace("{}", f"{folder}.secret").replace("{name}", f"{folder.name}.secret")
            if entry.key == "offset":
                entry.value = offset
            if entry.key == "length" and length is not None:
                entry.value = length
        (folder / "net.onnx").write_bytes(model.SerializeToString())
        if location == "link.data":
            (folder / "link.data").symlink_to(f"{folder}.secret")

    return write


def shortened(folder: Path) -> None:
    external(folder / "net.onnx")
    data = (folder / "weights.data").read_bytes()
    (folder / "weights.data").write_bytes(data[: len(data) // 2])


def missing(folder: Path) -> None:
    external(folder / "net.onnx")
    (folder / "weights.data").unlink()


def cycle(model: ModelProto) -> None:
    model.graph.node[2].input[0] = "h"


def unsorted(model: ModelProto) -> None:
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def huge_shape(model: ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == "w1")
    tensor.dims[:] = [2**20, 2**20, 3, 3]


def wrapping_shape(model: ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == "w1")
    tensor.dims[:] = [2**32, 2**32, 1, 1]  # their product is 0 in 64 bits


def negative_shape(model: ModelProto) -> None:
    model.graph.initializer[0].dims[0] = -3


def short_weights(model: ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.raw_data = tensor.raw_data[:-4]


def unknown_type(model: ModelProto) -> None:
    model.graph.initializer[0].data_type = 99


def no_type(model: ModelProto) -> None:
    model.graph.input[0].type.Clear()


def twice(model: ModelProto) -> None:
    model.graph.node[3].output[0] = "b"


def returned(model: ModelProto) -> None:
    model.graph.output[0].name = model.graph.input[0].name


def dangling(model: ModelProto) -> None:
    model.graph.node[2].input[0] = "nowhere"


def newer(model: ModelProto) -> None:
    model.opset_import[0].version = NEWEST + 1


def older(model: ModelProto) -> None:
    model.opset_import[0].version = 6


def no_opset(model: ModelProto) -> None:
    del model.opset_import[:]


def strange_ir(model: ModelProto) -> None:
    model.ir_version = 999


def unimported(model: ModelProto) -> None:
    model.graph.node[2].domain = "com.acme"


def custom(model: ModelProto) -> None:
    unimported(model)
    model.graph.node[0].domain = "com.acme"
    model.opset_import.append(helper.make_opsetid("com.acme", 1))


def unknown_operator(model: ModelProto) -> None:
    model.graph.node[2].op_type = "Rellu"


def mixed_types(model: ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == "w2")
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.int64), "w2"))


def sparse(model: ModelProto) -> None:
    values = helper.make_tensor("w9", TensorProto.FLOAT, [1], [1.0])
    model.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, helper.make_tensor("", TensorProto.INT64, [1], [0]), [3])
    )


def recursive(model: ModelProto) -> None:
    node = helper.make_node("F", ["x"], ["y"], domain="own")
    model.functions.append(helper.make_function("own", "F", ["x"], ["y"], [node], [helper.make_opsetid("own", 1)]))
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.graph.node[2].domain, model.graph.node[2].op_type = "own", "F"


def multiplying(model: ModelProto) -> None:
    """Functions that each call the next one ten times."""
    imports = [helper.make_opsetid("own", 1), helper.make_opsetid("", 18)]
    for i in range(12):
        op, domain = ("Relu", "") if i == 0 else (f"F{i - 1}", "own")
        names = ["x", *(f"v{k}" for k in range(9)), "y"]
        nodes = [helper.make_node(op, [a], [b], domain=domain) for a, b in pairwise(names)]
        model.functions.append(helper.make_function("own", f"F{i}", ["x"], ["y"], nodes, imports))
    model.opset_import.append(imports[0])
    model.graph.node[2].domain, model.graph.node[2].op_type = "own", "F11"


def deep(model: ModelProto) -> None:
    """An If in an If in an If ..."""
    graph = helper.make_graph([helper.make_node("Identity", ["c"], ["r0"])], "g", [], [_value("r0")])
    for i in range(1, 12):
        node = helper.make_node("If", ["yes"], [f"r{i}"], then_branch=graph, else_branch=graph)
        if i > 3:
            node = helper.make_node("If", ["yes"], [f"r{i}"], then_branch=graph)
        graph = helper.make_graph([node], "g", [], [_value(f"r{i}")])
    model.graph.initializer.append(helper.make_tensor("yes", TensorProto.BOOL, [], [True]))
    model.graph.node.insert(3, helper.make_node("If", ["yes"], ["r"], then_branch=graph, else_branch=graph))


def _value(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)


BOMB = "big = ConstantOfShape (shape)  cut = ReduceSum <keepdims = 0> (big)  z = Add (x, cut)  y = Relu (z)"


def bomb(folder: Path) -> None:
    """A constant of a terabyte, made of four numbers."""
    model = text(BOMB)
    model.graph.initializer.append(numpy_helper.from_array(np.array([2**18, 2**20]), "shape"))
    onnx.save(model, folder / "net.onnx")


def unsizable(folder: Path) -> None:
    model = text(
        "s = NonZero (x)  r = Gather <axis = 0> (s, zero)  f = Cast <to = 1> (r)  y = Relu (f)", end="float[n] y"
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(0), "zero"))
    onnx.save(model, folder / "net.onnx")


RANDOM = bytes(np.random.default_rng(0).integers(0, 256, 4096, np.uint8))
GOOD = network().SerializeToString()
IGNORES = "a = Conv (x, w)  k = Relu (c)  y = Add (a, k)"


def ignoring(folder: Path) -> None:
    """``k`` is a layer of constants."""
    model = text(IGNORES)
    for name, shape in (("w", (3, 3, 1, 1)), ("c", (1, 3, 8, 8))):
        model.graph.initializer.append(numpy_helper.from_array(np.ones(shape, np.float32), name))
    onnx.save(model, folder / "net.onnx")


BAD = {
    # --- the file ---
    "empty": Bad(raw(b""), ("no graph",)),
    "noise": Bad(raw(RANDOM), ("truncated or not an ONNX file",)),
    "text": Bad(raw(b"not a network at all\n" * 20), ("not an ONNX file",)),
    "half of one": Bad(raw(GOOD[: len(GOOD) // 2]), ("truncated",)),
    "all but the last byte": Bad(raw(GOOD[:-1]), ("truncated",)),
    "over-large": Bad(over_large, ("2.1 GB", "external data")),
    # --- versions ---
    "a newer opset": Bad(changed(newer), (f"opset is {NEWEST + 1}", f"7 to {NEWEST}")),
    "an older opset": Bad(changed(older), ("opset is 6",)),
    "no opset": Bad(changed(no_opset), ("opset is 0",)),
    "a strange ir_version": Bad(changed(strange_ir), ("ir_version is 999",)),
    # --- the graph ---
    "a cycle": Bad(changed(cycle), ("'h'", "cycle")),
    "not sorted": Bad(changed(unsorted), ("before it is computed",)),
    "a name of nothing": Bad(changed(dangling), ("'nowhere'", "nothing computes")),
    "a name twice": Bad(changed(twice), ("'b'", "twice")),
    "an input returned": Bad(changed(returned), ("an input and an output",)),
    "a domain not imported": Bad(changed(unimported), ("'com.acme'", "does not import")),
    "custom operators alone": Bad(changed(custom), ("com.acme::Conv", "no gradient rule", "none of")),
    "an unknown operator": Bad(changed(unknown_operator), ("Rellu",)),
    "a function that calls itself": Bad(changed(recursive), ("'F'", "calls itself")),
    "functions that multiply": Bad(changed(multiplying), ("operators when its functions are written out",)),
    "nested too deep": Bad(changed(deep), ("nested",)),
    # --- the weights ---
    "weights of a shape too large": Bad(changed(huge_shape), ("'w1'", "2 GB is the limit")),
    "weights of a shape that wraps": Bad(changed(wrapping_shape), ("'w1'", "2 GB is the limit")),
    "weights of a negative shape": Bad(changed(negative_shape), ("impossible shape",)),
    "weights too short": Bad(changed(short_weights), ("bytes", "asks for")),
    "weights of an unknown type": Bad(changed(unknown_type), ("unknown type 99",)),
    "weights of a wrong type": Bad(changed(mixed_types), ("types contradict",)),
    "sparse weights": Bad(changed(sparse), ("'w9'", "sparse")),
    "a terabyte of zeros": Bad(bomb, ("ConstantOfShape", "1100 GB", "limit")),
    # --- external data ---
    "external data above": Bad(elsewhere("../{name}"), ("must lie in the folder",)),
    "external data above, hidden": Bad(elsewhere("a/../../{name}"), ("must lie in the folder",)),
    "external data at an absolute path": Bad(elsewhere("{}"), ("must lie in the folder",)),
    "external data behind a link": Bad(elsewhere("link.data"), ("link that leads out",)),
    "external data without a place": Bad(elsewhere(""), ("must lie in the folder",)),
    "external data past the end": Bad(elsewhere("weights.data", offset="99999999"), ("ends at byte",)),
    "external data at a negative place": Bad(elsewhere("weights.data", offset="-4"), ("offset and length",)),
    "external data of another length": Bad(elsewhere("weights.data", length="4"), ("has 4 bytes",)),
    "external data cut short": Bad(shortened, ("ends at byte", "weights.data")),
    "external data missing": Bad(missing, ("is missing", "weights.data")),
    # --- the picture ---
    "an input of no type": Bad(changed(no_type), ("net.onnx",)),
    "an input of whole numbers": Bad(
        parsed("y = Relu (x)", head="int32[1,3,8,8] x", end="int32[1,3,8,8] y"), ("floating-point", "int32")
    ),
    "no input": Bad(parsed("y = Constant <value_float = 1.0> ()", head="", end="float y"), ("one input", "none")),
    "two inputs": Bad(
        parsed("y = Add (a, b)", head="float[1,3,8,8] a, float[1,3,8,8] b"), ("'a'", "'b'", "--constant")
    ),
    "a constant for no input": Bad(parsed("y = Relu (x)"), ("--constant z", "no such input"), ("--constant", "z=1")),
    "a picture of ten thousand pixels": Bad(parsed("y = Relu (x)", head="float[1,3,10000,10000] x"), ("4096 pixels",)),
    "other channels than asked for": Bad(
        parsed("y = Relu (x)"), ("pictures of 4 channels", "[1, 3, 8, 8]"), ("--input", "4x8x8")
    ),
    "sizes that depend on values": Bad(unsizable, ("cannot be worked out",)),
    # --- layers ---
    "a layer that does not see the picture": Bad(ignoring, ("'k'", "does not depend"), ("--layers", "k")),
    "a layer of no such name": Bad(ignoring, ("'q'", "no layer"), ("--layers", "q")),
}
