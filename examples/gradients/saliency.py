"""A saliency map: the gradient of a class's logit by the image (Simonyan et al. 2013, arXiv:1312.6034).

python -m examples.gradients.saliency
"""

from __future__ import annotations

import numpy as np
from reverie_gradient import with_gradient

from demo_model.motifs import LABELS
from examples.gradients.classifier import Array, classifier, picture, session, side_by_side


def saliency(image: Array, *, draws: int = 24, noise: float = 0.08) -> tuple[str, Array]:
    """Return the class of an image and how much each pixel matters to it, [1, 1, H, W] in [0, 1].

    The gradients of several noisy copies are averaged (SmoothGrad: Smilkov et al. 2017, arXiv:1706.03825).
    """
    network = session(with_gradient(classifier(), of="logits", wrt="image"))
    nothing = np.zeros((1, len(LABELS)), np.float32)
    (logits,) = network.run(["logits"], {"image": image, "logits_cotangent": nothing})
    best = int(logits.argmax())
    copies = image + np.random.default_rng(0).normal(0, noise, (draws, *image.shape[1:])).astype(np.float32)
    towards = np.zeros((draws, len(LABELS)), np.float32)
    towards[:, best] = 1
    (gradient,) = network.run(["image_gradient"], {"image": copies, "logits_cotangent": towards})
    strength = np.abs((gradient * image).mean(0, keepdims=True)).max(1, keepdims=True)
    return LABELS[best], np.minimum(strength / np.quantile(strength, 0.99), 1).astype(np.float32)


def main() -> None:
    """Write saliency.png: a picture, its saliency, and the picture with unimportant pixels darkened."""
    image = picture("star", seed=2)
    label, strength = saliency(image)
    print(f"It is a {label}.")
    side_by_side(image, np.repeat(strength, 3, 1), image * (0.15 + 0.85 * strength)).save("saliency.png")


if __name__ == "__main__":
    main()
