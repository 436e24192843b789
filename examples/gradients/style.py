"""Texture synthesis: match the Gram matrices of layers' channels to those of a picture (Gatys et al. 2015, 1508.06576).

The loss is part of the graph: a few nodes after the network, differentiated with it.

    python -m examples.gradients.style
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper
from reverie_gradient import with_gradient

from examples.gradients.classifier import Array, classifier, picture, session, side_by_side

LAYERS = ["relu", "relu_2", "relu_4", "relu_8"]
"""The results of conv1_1, conv2_1, conv3_1, conv4_1; ``python -m reverie_gradient MODEL --list`` lists all names."""


def with_style(model: onnx.ModelProto) -> onnx.ModelProto:
    """Add gram_i = F F^T / positions for each layer's F [1, C, positions], and loss, the mean (gram_i - style_i)^2."""
    styled = onnx.ModelProto()
    styled.CopyFrom(model)
    add = styled.graph.node.append
    add(helper.make_node("Constant", [], ["flat"], value_ints=[0, 0, -1]))
    for i, layer in enumerate(LAYERS):
        add(helper.make_node("Reshape", [layer, "flat"], [f"f{i}"]))
        add(helper.make_node("Transpose", [f"f{i}"], [f"t{i}"], perm=[0, 2, 1]))
        add(helper.make_node("MatMul", [f"f{i}", f"t{i}"], [f"sum{i}"]))
        add(helper.make_node("Shape", [layer], [f"size{i}"], start=2))
        add(helper.make_node("ReduceProd", [f"size{i}"], [f"count{i}"], keepdims=0))
        add(helper.make_node("Cast", [f"count{i}"], [f"positions{i}"], to=TensorProto.FLOAT))
        add(helper.make_node("Div", [f"sum{i}", f"positions{i}"], [f"gram{i}"]))
        add(helper.make_node("Sub", [f"gram{i}", f"style{i}"], [f"off{i}"]))
        add(helper.make_node("Mul", [f"off{i}", f"off{i}"], [f"square{i}"]))
        add(helper.make_node("ReduceMean", [f"square{i}"], [f"loss{i}"], keepdims=0))
        channels = ["one", f"c{i}", f"c{i}"]
        styled.graph.input.append(helper.make_tensor_value_info(f"style{i}", TensorProto.FLOAT, channels))
        styled.graph.output.append(helper.make_tensor_value_info(f"gram{i}", TensorProto.FLOAT, channels))
    add(helper.make_node("Sum", [f"loss{i}" for i in range(len(LAYERS))], ["loss"]))
    styled.graph.output.append(helper.make_tensor_value_info("loss", TensorProto.FLOAT, []))
    return styled


def paint(style: Array, *, steps: int = 150, rate: float = 0.02, seed: int = 0) -> tuple[list[float], Array]:
    """Optimise an image from noise to the style of another; return the loss of each step and the image."""
    network = session(with_gradient(with_style(classifier()), of="loss", wrt="image"))
    grams = [f"gram{i}" for i in range(len(LAYERS))]
    unknown = {f"style{i}": np.zeros((1, 1, 1), np.float32) for i in range(len(LAYERS))}
    one = {"loss_cotangent": np.ones((), np.float32)}
    wanted = network.run(grams, {"image": style, **unknown, **one})
    feeds = {f"style{i}": gram for i, gram in enumerate(wanted)} | one

    image = np.random.default_rng(seed).uniform(0.4, 0.6, style.shape).astype(np.float32)
    m, v, losses = np.zeros_like(image), np.zeros_like(image), []
    for step in range(1, steps + 1):  # Adam
        loss, gradient = network.run(["loss", "image_gradient"], {"image": image, **feeds})
        losses.append(float(loss))
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        corrected_rate = rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        image = (image - corrected_rate * m / (np.sqrt(v) + 1e-12)).clip(0, 1).astype(np.float32)
    return losses, image


def main() -> None:
    """Write style.png: a picture, and one synthesised from its style."""
    style = picture("honeycomb", seed=1)
    losses, image = paint(style)
    print(f"The loss fell from {losses[0]:.3g} to {losses[-1]:.3g}.")
    side_by_side(style, image).save("style.png")


if __name__ == "__main__":
    main()
