"""Terms: the parts of an objective, each a function of one layer's activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from reverie_ascent.recipe.region import Box, Mask

Kind: TypeAlias = Literal[
    "channel",
    "neuron",
    "layer",
    "direction",
    "cosine",
    "match",
    "probability",
    "cross_entropy",
    "divergence",
    "diversity",
    "alignment",
]


@dataclass(frozen=True)
class Term:
    """One part of an objective.

    ============= ==========================================================================================
    channel       the mean of ``channel`` over all positions; a logit is a channel of a layer without positions
    neuron        ``channel`` at ``position`` (row, column) of the layer's own grid
    layer         the mean of the squares of the whole layer: DeepDream
    direction     the mean over all positions of dot(x, ``vector``) max(0.1, cosine(x, ``vector``)) ** ``cosine_power``
    cosine        the mean over all positions of cosine(x, ``vector``)
    match         the similarity to ``vector``, at every position or, if it has as many numbers, to a whole activation:
                  see ``similarity``
    probability   softmax(x) at ``channel``
    cross_entropy log softmax(x) at ``channel``
    divergence    the mean over all positions of -KL(``vector`` || softmax(x)), ``vector`` divided by its sum
    diversity     minus the likeness of the pictures of a group: see ``form``
    alignment     minus the weighted squared differences of the pictures of a group, with ``decay``
    ============= ==========================================================================================

    ``weight`` is one number, or one for each picture of the group. ``region`` says which positions count instead of
    all.
    """

    kind: Kind
    layer: str
    weight: float | tuple[float, ...] = 1.0
    channel: int = 0
    position: tuple[int, int] | None = None
    vector: tuple[float, ...] = ()
    cosine_power: float = 0.0
    similarity: Literal["l2", "cosine", "dot_cosine"] = "l2"
    form: Literal["lucid", "lucent"] = "lucid"
    decay: float = 2.0
    region: Box | Mask | None = None
