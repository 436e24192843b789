"""The examples of docs/gradients.md work as described."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from reverie_gradient import with_gradient
from reverie_gradient.table import RULES

from examples.gradients.adversarial import perturb
from examples.gradients.classifier import picture
from examples.gradients.saliency import saliency
from examples.gradients.style import paint

PAGE = Path(__file__).parents[2] / "docs" / "gradients.md"


class Atan2(OpRun):
    op_domain = "com.example"

    def _run(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
        return (np.arctan2(y, x),)


def test_the_saliency_of_a_star_is_on_the_star() -> None:
    image = picture("star", seed=2)
    label, strength = saliency(image, draws=8)
    assert label == "star"
    star = image.mean(1) > 0.5
    assert strength[:, 0][star].mean() > 5 * strength[:, 0][~star].mean()


def test_a_small_change_changes_the_class() -> None:
    image = picture("star", seed=2)
    before, after, changed = perturb(image)
    assert (before, after) == ("star", "triangle")
    assert np.abs(changed - image).max() <= 8 / 255 + 1e-6
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_style_transfer_reduces_the_loss() -> None:
    losses, image = paint(picture("honeycomb", seed=1, size=64), steps=40)
    assert losses[-1] < 0.2 * losses[0]
    assert image.shape == (1, 3, 64, 64)


def test_the_rule_that_the_guide_writes_is_right() -> None:
    (rule,) = [code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S) if "@vjp" in code]
    text = (
        '<ir_version: 9, opset_import: ["": 18, "com.example": 1]> '
        "g (double[3] y, double[3] x) => (double[3] angle) { angle = com.example.Atan2(y, x) }"
    )
    exec(compile(rule, str(PAGE), "exec"), {})
    try:
        built = with_gradient(onnx.parser.parse_model(text), of="angle", wrt=["y", "x"])
    finally:
        del RULES["com.example::Atan2"]
    y, x, step = np.array([1.0, -2.0, 0.5]), np.array([0.3, 1.0, -2.0]), 1e-6
    feeds = {"y": y, "x": x, "angle_cotangent": np.ones(3)}
    found = ReferenceEvaluator(built, new_ops=[Atan2]).run(["y_gradient", "x_gradient"], feeds)
    by_y, by_x = (np.asarray(gradient) for gradient in found)
    np.testing.assert_allclose(by_y, (np.arctan2(y + step, x) - np.arctan2(y - step, x)) / (2 * step), rtol=1e-6)
    np.testing.assert_allclose(by_x, (np.arctan2(y, x + step) - np.arctan2(y, x - step)) / (2 * step), rtol=1e-6)
