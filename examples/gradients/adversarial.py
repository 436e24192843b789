"""An adversarial example: a small change of the image that changes its class (Madry et al. 2017, arXiv:1706.06083).

python -m examples.gradients.adversarial
"""

from __future__ import annotations

import numpy as np
from reverie_gradient import with_gradient

from demo_model.motifs import LABELS
from examples.gradients.classifier import Array, classifier, picture, session, side_by_side


def perturb(image: Array, *, radius: float = 8 / 255, steps: int = 20) -> tuple[str, str, Array]:
    """Return the class before, the class after, and the changed image; no pixel changes by more than ``radius``."""
    network = session(with_gradient(classifier(), of="logits", wrt="image"))
    towards = np.zeros((1, len(LABELS)), np.float32)
    (logits,) = network.run(["logits"], {"image": image, "logits_cotangent": towards})
    right, *others = (int(i) for i in logits[0].argsort()[::-1])
    towards[0, right], towards[0, others[0]] = -1, 1  # from the class with the largest logit to the second
    changed = image
    for _ in range(steps):
        (gradient,) = network.run(["image_gradient"], {"image": changed, "logits_cotangent": towards})
        changed = changed + np.float32(2.5 * radius / steps) * np.sign(gradient)
        changed = np.clip(changed, image - np.float32(radius), image + np.float32(radius)).clip(0, 1)
    (logits,) = network.run(["logits"], {"image": changed, "logits_cotangent": towards})
    return LABELS[right], LABELS[int(logits.argmax())], changed


def main() -> None:
    """Write adversarial.png: a picture, the change 16 times as strong, and their sum."""
    image = picture("star", seed=2)
    before, after, changed = perturb(image)
    print(f"{before} became {after}; no pixel changed by more than {np.abs(changed - image).max() * 255:.1f} of 255.")
    side_by_side(image, 0.5 + 16 * (changed - image), changed).save("adversarial.png")


if __name__ == "__main__":
    main()
