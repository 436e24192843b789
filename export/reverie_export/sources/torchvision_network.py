"""Networks of torchvision by name: classifiers, the backbones of detectors, and segmenters without the final resize."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reverie_proto.sizes import Size

from reverie_export.errors import BadSource, BadWeights, nearest
from reverie_export.sources.field_names import field_names
from reverie_export.sources.meant import not_a_network
from reverie_export.sources.network import Network, quiet
from reverie_export.sources.source import Normalisation
from reverie_export.sources.timm_network import is_timms
from reverie_export.sources.torch_weights import FILES, Loaded, is_random, load, read, recorded, seed, seeded

# Detectors and segmenters take pictures of any size, and do not state a native one.
USUAL = (224, 224)
WEIGHTLESS = {"weights": None, "weights_backbone": None}


@dataclass(frozen=True)
class Found:
    """A network of torchvision without its weights."""

    module: Any  # the part that is exported
    whole: Any  # the module that state dicts are made for
    part: str  # of the network, for its description
    normalisation: Normalisation
    native_size: Size
    unused: str = "\0"  # prefix of the names of weights that only training needs


def torchvision_network(name: str, weights: str | None, *, partial: bool = False) -> Network:
    """Return torchvision's network ``name``; ``weights`` is one of its names, a file or ``random:SEED``.

    ``partial`` is that of `load`, for a file.
    """
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
    loaded = Loaded()
    if chosen is not None:
        try:
            state = chosen.get_state_dict(progress=False, check_hash=True)
        except (OSError, RuntimeError) as e:
            raise BadWeights(f"cannot download {chosen.url}: {e}; give a local file with --weights instead") from e
        _load_used(found, state, f"{name}'s {weights}", partial=False)
    elif not is_random(weights):
        loaded = _load_used(found, read(Path(weights)), weights, partial=partial)

    return Network(
        module=found.module,
        model=name,
        weights=(kept := recorded(chosen.name if chosen is not None else weights)),
        normalisation=found.normalisation,
        description=f"{found.part}torchvision's {name}, weights {kept}",
        labels=about.meta.get("categories", ()) if kind is not _detector else (),
        native_size=found.native_size,
        field_names=field_names(name),
        loaded=loaded,
    )


def _load_used(found: Found, state: Mapping[str, Any], origin: str, *, partial: bool) -> Loaded:
    used = {key: tensor for key, tensor in state.items() if not key.startswith(found.unused)}
    return load(found.whole, used, origin, partial=partial)


def _kinds() -> Mapping[str, Any]:
    """Return how each network that can be exported is built."""
    from torchvision import models

    return {
        **dict.fromkeys(models.list_models(module=models), _classifier),
        **dict.fromkeys(models.list_models(module=models.detection), _detector),
        **dict.fromkeys(models.list_models(module=models.segmentation), _segmenter),
    }


def known_names() -> Collection[str]:
    """Return the names of all networks that can be exported."""
    return _kinds().keys()


def _unknown(name: str) -> str:
    from torchvision import models

    if name in models.list_models():
        return f"torchvision's {name} cannot be exported: it does not take one picture, or is quantised by torch"
    if is_timms(name):
        return f"{name!r} is a network of timm: reverie export timm:{name} --out models"
    return (
        f"{name!r} is not one of torchvision's networks for classification, detection or segmentation, "
        f"not timm:NAME, not package.module:callable and not an .onnx file"
        f"{nearest(name.lower().replace('-', '_'), _kinds())}{not_a_network(name)}"
    )


def _classifier(name: str, weights: Any) -> Found:
    """Return all of it; auxiliary heads, such as those of Inception, are not computed in inference."""
    import torchvision

    module, crop = torchvision.models.get_model(name, weights=None), weights.transforms()
    return Found(module, module, "", Normalisation(tuple(crop.mean), tuple(crop.std)), (int(crop.crop_size[0]),) * 2)


def _detector(name: str, weights: Any) -> Found:
    """Return the backbone: the output of the heads is a list of boxes, of no fixed length."""
    import torchvision

    whole = torchvision.models.get_model(name, **WEIGHTLESS)
    given = whole.transform
    size = tuple(given.fixed_size) if given.fixed_size else USUAL
    normalisation = Normalisation(tuple(given.image_mean), tuple(given.image_std))
    return Found(_trunk(whole.backbone), whole, "the backbone of ", normalisation, size)


def _segmenter(name: str, weights: Any) -> Found:
    """Return backbone and head, up to the maps of the classes, without the final resize to the picture's size."""
    import torchvision

    whole, crop = torchvision.models.get_model(name, **WEIGHTLESS), weights.transforms()
    normalisation, module = Normalisation(tuple(crop.mean), tuple(crop.std)), _trunk(whole.backbone, whole.classifier)
    return Found(module, whole, "backbone and head of ", normalisation, USUAL, unused="aux_classifier.")


def _trunk(backbone: Any, classifier: Any = None) -> Any:
    """Return a module of these two, in which layers keep their names."""
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
