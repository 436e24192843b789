"""One ascent step of VGG19: Reverie's gradient graph in ONNX Runtime against torch's autograd.

Both compute conv5_1 of one image and the gradient of a channel's mean with respect to the image, in float32 on two
threads, with the same random weights (He et al. 2015, arXiv:1502.01852). Each lives in a process of its own; their
steps alternate, so that whatever else the machine does falls on both. The error of each gradient is measured against
torch in float64.

    python -m bench.gradient_step [--layer conv5_1] [--size 224] [--steps 15] [--threads 2]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench.race import Contestant, compete, race, report

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
CHANNEL = 7

Layers = list[tuple[str, np.ndarray, np.ndarray]]


def layers(last: str) -> Layers:
    """Return name, weights [M, C, 3, 3] and bias [M] of VGG19's convolutions up to ``last``, drawn at random."""
    rng = np.random.default_rng(0)
    drawn: Layers = []
    channels = 3
    for block, (width, depth) in enumerate(BLOCKS, start=1):
        for index in range(1, depth + 1):
            w = rng.standard_normal((width, channels, 3, 3)) * np.sqrt(2 / (9 * channels))
            b = rng.standard_normal(width) * 0.05
            drawn.append((f"conv{block}_{index}", w.astype(np.float32), b.astype(np.float32)))
            channels = width
            if drawn[-1][0] == last:
                return drawn
    raise SystemExit(f"VGG19 has no layer {last!r}")


def image(size: int) -> np.ndarray:
    """Return one random image [1, 3, size, size]."""
    return np.random.default_rng(1).standard_normal((1, 3, size, size)).astype(np.float32)


def forward(drawn: Layers) -> onnx.ModelProto:
    """Build VGG19 up to the last of ``drawn`` as one writes it by hand: Conv, Relu, MaxPool, free sizes."""
    nodes: list[onnx.NodeProto] = []
    value, block = "image", "1"
    for name, _, _ in drawn:
        if name[4] != block:
            nodes.append(helper.make_node("MaxPool", [value], [f"pool{block}"], kernel_shape=[2, 2], strides=[2, 2]))
            value, block = f"pool{block}", name[4]
        nodes.append(helper.make_node("Conv", [value, f"{name}.w", f"{name}.b"], [name], name, pads=[1, 1, 1, 1]))
        value = name
        if name != drawn[-1][0]:
            value = name.replace("conv", "relu")
            nodes.append(helper.make_node("Relu", [name], [value]))
    weights = [numpy_helper.from_array(a, f"{n}.{k}") for n, w, b in drawn for k, a in (("w", w), ("b", b))]
    graph = helper.make_graph(
        nodes,
        "vgg19",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["N", drawn[-1][1].shape[0], "h", "w"])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def reverie(last: str, size: int, threads: int) -> Callable[[], np.ndarray]:
    """Return one step in ONNX Runtime: the gradient of the channel's mean, by the image."""
    import onnxruntime
    from reverie_gradient import with_gradient

    model = with_gradient(forward(layers(last)), of=last, wrt="image")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    side = size // 2 ** (int(last[4]) - 1)
    # All of them, those of the cotangent too: one size left open takes its neighbours out of the blocked layout.
    for name, fixed in (("N", 1), ("H", size), ("W", size), ("h", side), ("w", side)):
        options.add_free_dimension_override_by_name(name, fixed)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    cotangent = np.zeros((1, BLOCKS[int(last[4]) - 1][0], side, side), np.float32)
    cotangent[:, CHANNEL] = 1 / side**2
    feeds = {"image": image(size), f"{last}_cotangent": cotangent}
    return lambda: np.asarray(session.run([last, "image_gradient"], feeds)[1])


def torch_eager(last: str, size: int, threads: int, *, double: bool = False) -> Callable[[], np.ndarray]:
    """Return the same step in torch."""
    import torch
    from torch.nn.functional import conv2d, max_pool2d, relu

    torch.set_num_threads(threads)
    dtype = torch.float64 if double else torch.float32
    drawn = [(name, torch.tensor(w, dtype=dtype), torch.tensor(b, dtype=dtype)) for name, w, b in layers(last)]
    start = torch.tensor(image(size), dtype=dtype)

    def step() -> np.ndarray:
        x = leaf = start.clone().requires_grad_()
        block = "1"
        for name, w, b in drawn:
            if name[4] != block:
                x, block = max_pool2d(x, 2), name[4]
            x = conv2d(x, w, b, padding=1)
            if name != last:
                x = relu(x)
        (gradient,) = torch.autograd.grad(x[:, CHANNEL].mean(), leaf)
        return np.asarray(gradient.numpy())

    return step


CONTESTANTS = {"reverie": reverie, "torch": torch_eager}


def measure(last: str, size: int, threads: int, steps: int) -> Iterator[str]:
    """Race the two and yield the lines of the report."""
    options = ["--layer", last, "--size", str(size), "--threads", str(threads)]
    racers = {
        kind: Contestant("bench.gradient_step", "--compete", kind, *options, threads=threads) for kind in CONTESTANTS
    }
    truth = torch_eager(last, size, threads, double=True)()
    with tempfile.TemporaryDirectory() as folder:
        for kind, racer in racers.items():
            racer.step(save=Path(folder, f"{kind}.npy"))
            error = np.linalg.norm(np.load(Path(folder, f"{kind}.npy")) - truth) / np.linalg.norm(truth)
            yield f"{kind:14} error against float64 {error:.1e}"
    yield from report(race(racers, steps), [("reverie", "torch")])
    for racer in racers.values():
        racer.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--layer", default="conv5_1")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--compete", choices=CONTESTANTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.compete:
        compete(CONTESTANTS[given.compete](given.layer, given.size, given.threads))
        return
    for line in measure(given.layer, given.size, given.threads, given.steps):
        print(line)


if __name__ == "__main__":
    main()
