"""The contenders in the comparison of one step of VGG19: Reverie, and the alternatives that a user has.

Each entry builds, for a layer, a size and a batch, a function that makes one step and returns the gradient. The task is
the same for all: activation of the layer, mean of one channel, and the gradient of that by the pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.race import Contestant, Step, compete
from tests import vgg19


@dataclass(frozen=True)
class Task:
    """One cell of the table: a layer, a size and a batch."""

    layer: str
    size: int = 224
    batch: int = 1
    threads: int = 2
    device: str = "cpu"

    @property
    def arguments(self) -> list[str]:
        """The task as command line arguments of a contestant."""
        return [self.layer, str(self.size), str(self.batch), str(self.threads), self.device]


# ----- Reverie -----


def _reverie(task: Task, *, exact: bool) -> Step:
    import onnx_ir as ir
    from reverie_ascent.lowering.lower import lower
    from reverie_ascent.program.objectives import Activation, term
    from reverie_ascent.program.stitch import stitch
    from reverie_ascent.runtime.session import Session, choose_device
    from reverie_gradient import with_gradient

    layer, channels = task.layer, vgg19.channels(task.layer)
    network = ir.from_proto(with_gradient(vgg19.graph(layer, task.size, task.batch), of=layer, wrt="image"))
    grid = vgg19.grid(layer, task.size)
    height, width = grid or (1, 1)
    activation = Activation(task.batch, channels, height, width, spatial=bool(grid))
    wires = {
        "network.image": "image",
        "term.activation": f"network.{layer}",
        f"network.{layer}_cotangent": "term.activation_gradient",
    }
    outputs = {"score": "term.score", "gradient": "network.image_gradient"}
    program = stitch({"network": network, "term": term("linear", activation)}, wires, outputs)
    device = choose_device(task.device, threads=task.threads, exact=exact)
    lower(program, device)
    session = Session(program, device)
    vector = np.zeros((task.batch, 1, channels), np.float32)
    vector[:, :, vgg19.CHANNEL] = 1
    feeds = {
        "image": vgg19.image(task.size, task.batch),
        "term.vector": vector,
        "term.position": np.full((task.batch, activation.positions, 1), 1 / activation.positions, np.float32),
        "term.weight": np.ones(task.batch, np.float32),
    }
    return lambda: session.run(feeds)["gradient"]


# ----- torch -----


def _torch(
    task: Task,
    *,
    channels_last: bool = False,
    double: bool = False,
    half: bool = False,
    wrap: Callable[[Any], Any] = lambda network: network,
) -> Step:
    import torch

    torch.set_num_threads(task.threads)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    device = "cpu" if double else task.device
    network = wrap(vgg19.torch_network(task.layer, double=double).to(device, memory_format=layout))
    start = torch.from_numpy(vgg19.image(task.size, task.batch)).to(device, memory_format=layout)
    start = start.double() if double else start

    def step() -> np.ndarray:
        leaf = start.clone(memory_format=torch.preserve_format).requires_grad_()
        with torch.autocast(device, torch.bfloat16, enabled=half):
            seen = network(leaf)[:, vgg19.CHANNEL].float() if half else network(leaf)[:, vgg19.CHANNEL]
        score = seen.sum() if seen.ndim == 1 else seen.mean(dim=(1, 2)).sum()
        (gradient,) = torch.autograd.grad(score, leaf)
        return np.asarray(gradient.cpu().numpy())

    return step


def _compiled(task: Task) -> Step:
    """Return torch's fastest form: compiled and, on a GPU, in bfloat16 and recorded as CUDA graphs."""
    import torch

    if task.device == "cpu":
        return _torch(task, channels_last=True, wrap=torch.compile)
    return _torch(task, channels_last=True, half=True, wrap=lambda network: torch.compile(network, mode="max-autotune"))


# ----- others -----


def _openvino(task: Task) -> Step:
    """Return Reverie's graph without lowering, run by OpenVINO."""
    import openvino
    from reverie_gradient import with_gradient

    layer = task.layer
    model = with_gradient(vgg19.graph(layer, task.size, task.batch), of=layer, wrt="image")
    grid = vgg19.grid(layer, task.size)
    core = openvino.Core()
    read = core.read_model(model.SerializeToString())
    shape = [task.batch, vgg19.channels(layer), *grid]
    read.reshape({"image": [task.batch, 3, task.size, task.size], f"{layer}_cotangent": shape})
    options = {"INFERENCE_NUM_THREADS": task.threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(read, "CPU", options).create_infer_request()
    cotangent = np.zeros(shape, np.float32)
    cotangent[:, vgg19.CHANNEL] = 1 / np.prod(grid)
    feeds = {"image": vgg19.image(task.size, task.batch), f"{layer}_cotangent": cotangent}
    return lambda: np.asarray(request.infer(feeds)["image_gradient"])


def _trained(task: Task) -> Step:
    """Return the gradient graph of onnxruntime-training, whose operators no other runtime has."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime.capi._pybind_state import GradientGraphBuilder

    layer = task.layer
    model = vgg19.graph(layer, task.size, task.batch)
    model.graph.initializer.append(numpy_helper.from_array(np.array([vgg19.CHANNEL]), "channel"))
    places = list(range(2, 2 + len(vgg19.grid(layer, task.size))))
    nodes = [helper.make_node("Gather", [layer, "channel"], ["seen"], axis=1)]
    if places:
        nodes.append(helper.make_node("ReduceMean", ["seen"], ["mean"], axes=places, keepdims=0))
    nodes.append(helper.make_node("ReduceSum", ["mean" if places else "seen"], ["score"], keepdims=0))
    model.graph.node.extend(nodes)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("score", TensorProto.FLOAT, []))
    model.opset_import[0].version = 17  # the newest that it knows
    builder = GradientGraphBuilder(model.SerializeToString(), {"score"}, {"image"}, "score")
    builder.build()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = task.threads
    built = onnx.load_from_string(builder.get_model()).SerializeToString()
    session = onnxruntime.InferenceSession(built, options, providers=["CPUExecutionProvider"])
    feeds = {"image": vgg19.image(task.size, task.batch)}
    return lambda: np.asarray(session.run(["score", "image_grad"], feeds)[1])


CONTENDERS: dict[str, Callable[[Task], Step]] = {
    "reverie": lambda task: _reverie(task, exact=False),
    "reverie exact": lambda task: _reverie(task, exact=True),
    "torch": _torch,
    "torch channels_last": lambda task: _torch(task, channels_last=True),
    "torch.compile": _compiled,
    "openvino": _openvino,
    "onnxruntime-training": _trained,
}

PYTHONS = {"onnxruntime-training": Path(".venv/training/bin/python")}
"""Contenders that need another environment than Reverie's."""


def contestant(name: str, task: Task) -> Contestant:
    """Start the process of a contender."""
    python = PYTHONS.get(name)
    return Contestant("bench.contenders", name, *task.arguments, threads=task.threads, python=python)


TRUTH: Callable[[Task], Step] = lambda task: _torch(task, double=True)  # noqa: E731
"""The gradient in float64."""


def main() -> None:
    """Run one contender in this process."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("layer")
    parser.add_argument("size", type=int)
    parser.add_argument("batch", type=int)
    parser.add_argument("threads", type=int)
    parser.add_argument("device", choices=["cpu", "cuda"])
    given = parser.parse_args()
    compete(CONTENDERS[given.name](Task(given.layer, given.size, given.batch, given.threads, given.device)))


if __name__ == "__main__":
    main()
