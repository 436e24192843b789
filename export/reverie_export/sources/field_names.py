"""The field's own names for VGG's layers: ``conv5_1`` where torchvision says ``features.28``."""

from __future__ import annotations

from collections.abc import Mapping

# Convolutions per block: Simonyan and Zisserman, "Very Deep Convolutional Networks", 2015, table 1.
BLOCKS: Mapping[str, tuple[int, ...]] = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}

CLASSIFIER = {
    "classifier.0": "fc6",
    "classifier.1": "relu6",
    "classifier.3": "fc7",
    "classifier.4": "relu7",
    "classifier.6": "logits",
}


def field_names(model: str) -> dict[str, str]:
    """Return the field's names by torchvision's module paths; empty for models without such names."""
    plain = model.removesuffix("_bn")
    if plain not in BLOCKS:
        return {}
    names = {}
    index = 0
    for block, convolutions in enumerate(BLOCKS[plain], start=1):
        for conv in range(1, convolutions + 1):
            kinds = ("conv", "bn", "relu") if model.endswith("_bn") else ("conv", "relu")
            for kind in kinds:
                names[f"features.{index}"] = f"{kind}{block}_{conv}"
                index += 1
        names[f"features.{index}"] = f"pool{block}"
        index += 1
    return names | CLASSIFIER
