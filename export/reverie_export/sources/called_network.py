"""The source ``package.module:callable``: an ``nn.Module`` that the user's callable returns."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from reverie_proto.sizes import Size

from reverie_export.errors import BadSource, BadWeights
from reverie_export.sources.imported import imported
from reverie_export.sources.network import Network, quiet
from reverie_export.sources.source import Normalisation
from reverie_export.sources.torch_weights import FILES, Loaded, is_random, load, read, recorded, seed, seeded


def called_network(spec: str, weights: str | None, *, partial: bool = False) -> Network:
    """Return the module that ``package.module:callable`` returns.

    The callable's attributes ``mean``, ``std``, ``scale``, ``channel_order``, ``labels``, ``size`` (a number of pixels,
    or height and width) and ``description``, or its module's constants of these names in capitals, describe the network
    and its input, by default unnormalised RGB in [0, 1] of 224 x 224 pixels. Without ``weights`` the module is exported
    as it is returned. ``partial`` is that of `load`.
    """
    import torch

    call = imported(spec)
    if weights is not None and not is_random(weights) and not weights.endswith(FILES):
        raise BadWeights(f"{weights!r} is neither a {', '.join(FILES)} file nor random:SEED, as {spec} needs")
    _refuse_uncallable(call, spec)
    drawn_by = seed(weights)
    try:
        with quiet(), seeded(drawn_by):
            module = call()
    except Exception as e:
        raise BadSource(f"{spec}() failed: {type(e).__name__}: {e}") from e
    if not isinstance(module, torch.nn.Module):
        raise BadSource(f"{spec}() returned {type(module).__name__}, not a torch.nn.Module")
    loaded = Loaded()
    if weights is not None and not is_random(weights):
        loaded = load(module, read(Path(weights)), weights, partial=partial)

    home = inspect.getmodule(call)

    def setting(what: str, otherwise: Any) -> Any:
        return getattr(call, what, getattr(home, what.upper(), otherwise))

    return Network(
        module=module,
        model=spec,
        weights=recorded(weights or "as built"),
        normalisation=Normalisation(
            mean=tuple(map(float, setting("mean", (0.0, 0.0, 0.0)))),
            std=tuple(map(float, setting("std", (1.0, 1.0, 1.0)))),
            scale=float(setting("scale", 1.0)),
            channel_order=str(setting("channel_order", "RGB")),
        ),
        description=str(setting("description", "")),
        labels=tuple(map(str, setting("labels", ()))),
        native_size=_size(spec, setting("size", 224)),
        loaded=loaded,
    )


def _size(spec: str, stated: Any) -> Size:
    """Return height and width from the side of a square or both."""
    sides = tuple(stated) if isinstance(stated, tuple | list) else (stated, stated)
    if len(sides) != 2 or any(isinstance(side, bool) or not isinstance(side, int) or side < 1 for side in sides):
        raise BadSource(f"{spec}: its size {stated!r} is not a whole number of pixels, or (height, width)")
    return sides


def _refuse_uncallable(call: Any, spec: str) -> None:
    """Raise BadSource for a network in place of a callable that returns it, and for a callable that needs arguments."""
    import torch

    home, _, name = spec.partition(":")
    remedy = f"and type: reverie export {home}:build --out models"
    if isinstance(call, torch.nn.Module):
        raise BadSource(f"{spec} is a network, not a callable for it; add `def build(): return {name}` {remedy}")
    try:
        inspect.signature(call).bind()
    except TypeError as e:
        raise BadSource(
            f"{spec} cannot be called without arguments ({e}); add `def build(): return {name}(...)` {remedy}"
        ) from e
    except ValueError:  # a callable that does not say what it takes
        return
