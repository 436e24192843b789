"""Networks of torchvision by name: classifiers whole, of detectors and segmenters what works on all of the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reverie_export.errors import BadSource, BadWeights, nearest
from reverie_export.sources.field_names import field_names
from reverie_export.sources.network import Network, quiet
from reverie_export.sources.source import Normalisation
from reverie_export.sources.torch_weights import FILES, is_random, load, read, recorded, seed, seeded

# Detectors and segmenters take pictures of any size, and say nothing of one that they were made for.
USUAL_PX = 224
WEIGHTLESS = {"weights": None, "weights_backbone": None}


@dataclass(frozen=True)
class Found:
    """What torchvision knows of a network besides its weights."""

    module: Any  # the part that is exported
    whole: Any  # the module that state dicts are made for
    part: str  # of the network, in words
    normalisation: Normalisation
    native_size_px: int
    unused: str = "\0"  # how names of weights begin that only training needs


def torchvision_network(name: str, weights: str | None) -> Network:
    """The network that torchvision calls ``name``; ``weights`` is one of its names, a file or ``random:SEED``."""
    import torchvision

    kind = _kinds().get(name)
    if kind is None:
        raise BadSource(_unknown(name))
    named = torchvision.models.get_model_weights(name)
    weights = weights or "DEFAULT"
    chosen = None
    if weights in named.__members__:
        chosen = named[weights]
    elif not is_random(weights) and not weights.endswith(FILES):
        raise BadWeights(
            f"{weights!r} is neither one of {name}'s weights ({', '.join(named.__members__)}), "
            f"nor a {', '.join(FILES)} file, nor random:SEED{nearest(weights, named.__members__)}"
        )

    drawn_by = seed(weights)
    about = chosen or named["DEFAULT"]
    with quiet(), seeded(drawn_by):
        found = kind(name, about)
    if chosen is not None:
        try:
            state = chosen.get_state_dict(progress=False, check_hash=True)
        except (OSError, RuntimeError) as e:
            raise BadWeights(f"cannot download {chosen.url}: {e}; give a local file with --weights instead") from e
        _load_used(found, state, f"{name}'s {weights}")
    elif not is_random(weights):
        _load_used(found, read(Path(weights)), weights)

    return Network(
        module=found.module,
        model=name,
        weights=(kept := recorded(chosen.name if chosen is not None else weights)),
        normalisation=found.normalisation,
        description=f"{found.part}torchvision's {name}, weights {kept}",
        labels=about.meta.get("categories", ()) if kind is not _detector else (),
        native_size_px=found.native_size_px,
        field_names=field_names(name),
    )


def _load_used(found: Found, state: Mapping[str, Any], origin: str) -> None:
    load(found.whole, {key: tensor for key, tensor in state.items() if not key.startswith(found.unused)}, origin)


def _kinds() -> Mapping[str, Any]:
    """How each network that can be exported is built."""
    from torchvision import models

    return {
        **dict.fromkeys(models.list_models(module=models), _classifier),
        **dict.fromkeys(models.list_models(module=models.detection), _detector),
        **dict.fromkeys(models.list_models(module=models.segmentation), _segmenter),
    }


def _unknown(name: str) -> str:
    from torchvision import models

    if name in models.list_models():
        return f"torchvision's {name} cannot be exported: it does not take one picture, or is quantised by torch"
    return (
        f"{name!r} is not one of torchvision's networks for classification, detection or segmentation, "
        f"not timm:NAME, not package.module:callable and not an .onnx file{nearest(name, _kinds())}"
    )


def _classifier(name: str, weights: Any) -> Found:
    """All of it; what only trains it, such as the auxiliary heads of Inception, is not computed in inference."""
    import torchvision

    module, crop = torchvision.models.get_model(name, weights=None), weights.transforms()
    return Found(module, module, "", Normalisation(tuple(crop.mean), tuple(crop.std)), int(crop.crop_size[0]))


def _detector(name: str, weights: Any) -> Found:
    """The maps that its heads look at: what the heads find is a list of boxes, of no fixed length."""
    import torchvision

    whole = torchvision.models.get_model(name, **WEIGHTLESS)
    given = whole.transform
    size = given.fixed_size[0] if given.fixed_size else USUAL_PX
    normalisation = Normalisation(tuple(given.image_mean), tuple(given.image_std))
    return Found(_trunk(whole.backbone), whole, "the backbone of ", normalisation, size)


def _segmenter(name: str, weights: Any) -> Found:
    """Backbone and head, up to the classes' maps; without the enlargement to the picture's size at the end."""
    import torchvision

    whole, crop = torchvision.models.get_model(name, **WEIGHTLESS), weights.transforms()
    normalisation, module = Normalisation(tuple(crop.mean), tuple(crop.std)), _trunk(whole.backbone, whole.classifier)
    return Found(module, whole, "backbone and head of ", normalisation, USUAL_PX, unused="aux_classifier.")


def _trunk(backbone: Any, classifier: Any = None) -> Any:
    """A module of these two, so that their layers keep the names that they have in the whole."""
    import torch
    from torchvision.models.segmentation.lraspp import LRASPPHead

    class Trunk(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.backbone = backbone
            self.classifier = classifier

        def forward(self, picture: Any) -> Any:
            maps = self.backbone(picture)
            if self.classifier is None:
                return maps
            return self.classifier(maps if isinstance(self.classifier, LRASPPHead) else maps["out"])

    return Trunk()
