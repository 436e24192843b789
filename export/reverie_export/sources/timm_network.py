"""Networks of timm by name: ``timm:resnet26d``."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from reverie_proto.sizes import Size, described

from reverie_export.errors import BadOption, BadSource, BadWeights, nearest
from reverie_export.sources.network import Network, quiet
from reverie_export.sources.source import Normalisation
from reverie_export.sources.torch_weights import FILES, Loaded, is_random, load, read, recorded, seed, seeded

PREFIX = "timm:"


def timm_network(source: str, weights: str | None, *, partial: bool = False, size: Size | None = None) -> Network:
    """Return timm's network of the name after ``timm:``, which may include a tag of its weights such as ``.a1_in1k``.

    ``weights`` is a tag, ``DEFAULT`` (the name's own tag, or timm's choice), a file or ``random:SEED``. Mean, deviation
    and size are those that timm records for the weights. ``partial`` is that of `load`. For another ``size`` than
    that timm interpolates the positions of transformers.
    """
    import timm

    name = source.removeprefix(PREFIX)
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise BadSource(f"timm has no network {architecture!r}{nearest(architecture, timm.list_models())}")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise BadWeights(f"timm has no weights {tag!r} for {architecture}{_of(tags)}")
    made = is_random(weights) or (weights is not None and weights.endswith(FILES))
    if weights is not None and not made and weights != "DEFAULT":
        if weights not in tags:
            raise BadWeights(
                f"{weights!r} is neither one of timm's weights for {architecture}{_of(tags)}, "
                f"nor a {', '.join(FILES)} file, nor random:SEED"
            )
        tag = weights

    drawn_by = seed(weights)
    called = f"{architecture}.{tag}" if tag else architecture
    try:
        with quiet(), seeded(drawn_by):
            module = timm.create_model(called, pretrained=not made)
    except Exception as e:  # anything that the hub, or a network that needs more than timm, raises
        reason = str(e).strip().split("\n")[0]
        remedy = "" if made else "; give a local file with --weights instead"
        raise BadWeights(f"timm cannot build {called}: {reason}{remedy}") from e
    loaded = Loaded()
    if made and not is_random(weights):
        loaded = load(module, read(Path(str(weights))), str(weights), partial=partial)
    if size is not None:
        _resize(module, called, size)

    config = timm.data.resolve_model_data_config(module)
    kept = recorded(str(weights)) if made else module.pretrained_cfg.get("tag") or "DEFAULT"
    return Network(
        module=module,
        model=source,
        weights=kept,
        normalisation=Normalisation(tuple(map(float, config["mean"])), tuple(map(float, config["std"]))),
        description=f"timm's {architecture}, weights {kept}",
        labels=_labels(module),
        native_size=(int(config["input_size"][-2]), int(config["input_size"][-1])),
        versions={"timm": timm.__version__},
        loaded=loaded,
    )


def _resize(module: Any, called: str, size: Size) -> None:
    """Interpolate the positions of a network for pictures of another size; networks without such need nothing."""
    if not hasattr(module, "set_input_size"):
        return
    try:
        with quiet():
            module.set_input_size(img_size=size)
    except Exception as e:  # asserts and errors of timm's and torch's, by the architecture
        reason = str(e).strip().split("\n")[0] or type(e).__name__
        raise BadOption(f"--input: timm cannot make {called} for pictures of {described(size)} px: {reason}") from e


def is_timms(name: str) -> bool:
    """Whether timm is installed and has a network of this name, with or without a tag."""
    if importlib.util.find_spec("timm") is None:
        return False
    import timm

    return bool(timm.is_model(name.partition(".")[0]))


def _of(tags: list[str]) -> str:
    return f" (it has {', '.join(tags)})" if tags else " (it has none)"


def _labels(module: Any) -> tuple[str, ...]:
    """Return timm's names of the classes, if it knows the data set of the network."""
    from timm.data import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset(module)
    return tuple(ImageNetInfo(subset).label_descriptions()) if subset else ()
