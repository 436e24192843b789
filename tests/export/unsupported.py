"""Networks with an operator that no gradient passes, or that ONNX's libraries cannot take, behind two convolutions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, TypeProto, helper, numpy_helper

node = helper.make_node
FLOATS = helper.make_tensor_type_proto(TensorProto.FLOAT, [f"d{i}" for i in range(4)])
BEFORE = ["c1", "r1", "c2", "r2"]
BEHIND = ["sum", "c3", "r3"]


@dataclass(frozen=True)
class Tail:
    """Nodes from r2, [1, 8, 8, 8], to t.

    ``refused`` are the names of what cannot be exported for lack of a rule, ``reason`` a part of the sentence.
    """

    nodes: Sequence[NodeProto]
    refused: Sequence[str] = ("t",)
    reason: str = ""
    type: TypeProto = field(default_factory=lambda: FLOATS)
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)
    domains: Sequence[str] = ()
    opset: int = 13


def integers(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def of_rank(rank: int, kind: int = TensorProto.FLOAT) -> TypeProto:
    return helper.make_tensor_type_proto(kind, [f"d{i}" for i in range(rank)])


def value(name: str, kind: int = TensorProto.FLOAT, shape: Sequence[int] | None = None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def body(
    nodes: Sequence[NodeProto], inputs: Sequence[str], outputs: Sequence[str], *, loop: bool = False
) -> GraphProto:
    counters = [value("it", TensorProto.INT64, []), value("cin", TensorProto.BOOL, [])] if loop else []
    going_on = [value("cout", TensorProto.BOOL, [])] if loop else []
    rows = None if loop or not inputs else [8, 8, 8]
    return helper.make_graph(
        nodes,
        "body",
        counters + [value(n, shape=rows) for n in inputs],
        going_on + [value(n, shape=rows) for n in outputs],
    )


FLAT = node("Reshape", ["r2", "flat"], ["f"])
CLASS = node("ArgMax", ["f"], ["best"], axis=1, keepdims=0)
TO_ROW = {"flat": integers(1, -1)}
EXP, NEG = body([node("Exp", ["r2"], ["p"])], [], ["p"]), body([node("Neg", ["r2"], ["q"])], [], ["q"])
RECURRENT = {
    "W": np.ones((1, 20, 64), np.float32),
    "R": np.ones((1, 20, 5), np.float32),
    "steps": integers(8, 1, 64),
    "lengths": np.array([5], np.int32),
}

TAILS: dict[str, Tail] = {
    "an operator of another domain": Tail(
        [node("Swirl", ["r2"], ["t"], domain="com.example")], reason="com.example::Swirl 't'", domains=["com.example"]
    ),
    "one with two outputs": Tail(
        [node("Swirl", ["r2"], ["t0", "t"], domain="com.example", how="well")], ["t0"], domains=["com.example"]
    ),
    "an operator of ONNX Runtime": Tail(
        [node("FusedConv", ["r2", "k2"], ["t"], domain="com.microsoft", activation="Relu")], domains=["com.microsoft"]
    ),
    "an optional value": Tail(
        [node("Optional", ["r2"], ["o"]), node("OptionalGetElement", ["o"], ["t"])],
        ["o", "t"],
        "it handles optional values",
        opset=15,
    ),
    "Det": Tail([node("Det", ["r2"], ["t"])], reason="needs an inverse", type=of_rank(2)),
    "Unique": Tail([node("Unique", ["r2"], ["t"])], reason="which values agree", type=of_rank(1)),
    "an If that depends on the picture": Tail(
        [
            node("ReduceMax", ["r2"], ["most"], keepdims=0),
            node("Greater", ["most", "zero"], ["c"]),
            node("If", ["c"], ["t"], then_branch=EXP, else_branch=NEG),
        ],
        reason="its branches are graphs of their own",
        constants={"zero": np.array(0, np.float32)},
    ),
    "an If that depends on a shape": Tail(
        [
            node("Shape", ["r2"], ["s"]),
            node("Gather", ["s", "one"], ["channels"]),
            node("Equal", ["channels", "eight"], ["c"]),
            node("If", ["c"], ["t"], then_branch=EXP, else_branch=NEG),
        ],
        [],
        constants={"one": np.array(1), "eight": np.array(8)},
    ),
    "a Loop": Tail(
        [
            node(
                "Loop",
                ["trips", "yes", "r2"],
                ["t"],
                body=body(
                    [node("Identity", ["cin"], ["cout"]), node("Mul", ["v", "v"], ["w"])], ["v"], ["w"], loop=True
                ),
            )
        ],
        reason="how often its body runs",
        constants={"trips": np.array(3), "yes": np.array(True)},
    ),
    "a Loop that reads the picture from outside": Tail(
        [
            node(
                "Loop",
                ["trips", "yes", "start"],
                ["t"],
                body=body(
                    [node("Identity", ["cin"], ["cout"]), node("Add", ["v", "r2"], ["w"])], ["v"], ["w"], loop=True
                ),
            )
        ],
        constants={"trips": np.array(3), "yes": np.array(True), "start": np.zeros((1, 8, 8, 8), np.float32)},
    ),
    "a Scan": Tail(
        [
            node(
                "Scan",
                ["start", "r2"],
                ["last", "t"],
                body=body([node("Add", ["s", "e"], ["u"]), node("Identity", ["u"], ["o"])], ["s", "e"], ["u", "o"]),
                num_scan_inputs=1,
            )
        ],
        ["last"],
        constants={"start": np.zeros((8, 8, 8), np.float32)},
    ),
    "a sequence as output": Tail(
        [node("SequenceConstruct", ["r2", "r2"], ["t"])],
        reason="it handles sequences",
        type=helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None)),
    ),
    "an element of a sequence": Tail(
        [
            node("SplitToSequence", ["r2"], ["parts"], axis=1),
            node("ReduceMax", ["r2"], ["most"], keepdims=0),
            node("Cast", ["most"], ["i"], to=TensorProto.INT64),
            node("SequenceAt", ["parts", "i"], ["t"]),
        ],
        ["parts", "t"],
    ),
    "a known element of a sequence": Tail(
        [node("SplitToSequence", ["r2", "four"], ["parts"], axis=1), node("SequenceAt", ["parts", "one"], ["t"])],
        [],
        constants={"four": np.array(4), "one": np.array(1)},
    ),
    "boxes that are chosen": Tail(
        [
            node("Reshape", ["r2", "rows"], ["boxes"]),
            node("Slice", ["boxes", "z", "o", "two"], ["column"]),
            node("Transpose", ["column"], ["scores"], perm=[0, 2, 1]),
            node("NonMaxSuppression", ["boxes", "scores", "five"], ["t"]),
        ],
        [],
        type=of_rank(2, TensorProto.INT64),
        constants={name: integers(n) for name, n in (("z", 0), ("o", 1), ("two", 2), ("five", 5))}
        | {"rows": integers(1, -1, 4)},
    ),
    "words": Tail(
        [FLAT, CLASS, node("Gather", ["words", "best"], ["t"])],
        [],
        type=of_rank(1, TensorProto.STRING),
        constants={**TO_ROW, "words": np.array(["a", "b"], object)},
    ),
    "numbers as text": Tail(
        [node("Cast", ["r2"], ["t"], to=TensorProto.STRING)], [], type=of_rank(4, TensorProto.STRING)
    ),
    "maps from classes to probabilities": Tail(
        [FLAT, node("ZipMap", ["f"], ["t"], domain="ai.onnx.ml", classlabels_int64s=list(range(512)))],
        [],
        type=helper.make_sequence_type_proto(
            helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
        ),
        constants=TO_ROW,
        domains=["ai.onnx.ml"],
    ),
    "a label": Tail(
        [
            FLAT,
            CLASS,
            node("LabelEncoder", ["best"], ["t"], domain="ai.onnx.ml", keys_int64s=[0, 1], values_strings=["a", "b"]),
        ],
        [],
        type=of_rank(1, TensorProto.STRING),
        constants=TO_ROW,
        domains=["ai.onnx.ml"],
    ),
    "an LSTM of given lengths": Tail(
        [
            node("Reshape", ["r2", "steps"], ["rows"]),
            node("LSTM", ["rows", "W", "R", "", "lengths"], ["t"], hidden_size=5),
        ],
        reason="without sequence_lens",
        constants=RECURRENT,
    ),
    "an LSTM over as many steps as the picture says": Tail(
        [
            FLAT,
            node("NonZero", ["f"], ["places"]),
            node("Gather", ["places", "first"], ["chosen"]),
            node("Gather", ["f", "chosen"], ["picked"]),
            node("Reshape", ["picked", "steps"], ["rows"]),
            node("LSTM", ["rows", "W", "R"], ["t"], hidden_size=5),
        ],
        reason="where the number of its steps is known",
        constants={
            "flat": integers(-1), "first": np.array(0), "steps": integers(-1, 1, 1),
            "W": np.ones((1, 20, 1), np.float32), "R": np.ones((1, 20, 5), np.float32),
        },
    ),
    "a GRU over a shape that the picture determines": Tail(
        [
            node("ReduceMax", ["r2"], ["most"]),
            node("Cast", ["most"], ["n"], to=TensorProto.INT64),
            node("Reshape", ["n", "single"], ["length"]),
            node("Concat", ["length", "rest"], ["shape"], axis=0),
            node("Reshape", ["r2", "shape"], ["rows"]),
            node("GRU", ["rows", "V", "Q"], ["t"], hidden_size=5),
        ],
        reason="where the number of its steps is known",
        constants={
            "single": integers(1), "rest": integers(1, -1), "V": np.ones((1, 15, 64), np.float32),
            "Q": np.ones((1, 15, 5), np.float32),
        },
    ),
}  # fmt: skip

Place = Callable[[Tail], onnx.ModelProto]


def at_the_end(tail: Tail) -> onnx.ModelProto:
    return _network(tail, [], ["t"])


def beside_another_output(tail: Tail) -> onnx.ModelProto:
    return _network(tail, _convolution("r2"), ["r3", "t"])


def before_other_layers(tail: Tail) -> onnx.ModelProto:
    more = [
        node("Flatten", ["t"], ["row"], axis=0 if tail.refused else 1),
        node("ReduceSum", ["row", "axis"], ["total"]),
        node("Unsqueeze", ["total", "axes"], ["each"]),
        node("Add", ["r2", "each"], ["sum"]),
    ]
    return _network(tail, more + _convolution("sum"), ["r3"])


def first(tail: Tail) -> onnx.ModelProto:
    """Nothing before it."""
    return _network(tail, [], ["t"], before=[node("Identity", ["picture"], ["r2"])], channels=8)


def _convolution(source: str) -> list[NodeProto]:
    return [node("Conv", [source, "k3"], ["c3"]), node("Relu", ["c3"], ["r3"])]


CONVOLUTIONS = [
    node("Conv", ["picture", "k1"], ["c1"], pads=[1] * 4),
    node("Relu", ["c1"], ["r1"]),
    node("Conv", ["r1", "k2"], ["c2"], pads=[1] * 4),
    node("Relu", ["c2"], ["r2"]),
]


def _network(
    tail: Tail,
    after: Sequence[NodeProto],
    outputs: Sequence[str],
    *,
    before: Sequence[NodeProto] = CONVOLUTIONS,
    channels: int = 3,
) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    weights = {"k1": (8, 3, 3, 3), "k2": (8, 8, 3, 3), "k3": (4, 8, 3, 3)}
    constants = {name: (rng.standard_normal(s) / 3).astype(np.float32) for name, s in weights.items()} | {
        **tail.constants
    }
    constants |= {"axis": integers(1), "axes": integers(2, 3)}
    types = {"t": tail.type}
    graph = helper.make_graph(
        [*before, *tail.nodes, *after],
        "network",
        [value("picture", shape=[1, channels, 8, 8])],
        [helper.make_value_info(name, types.get(name, FLOATS)) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    domains = [helper.make_opsetid(domain, 3 if domain == "ai.onnx.ml" else 1) for domain in tail.domains]
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", tail.opset), *domains], ir_version=8)
