"""The table of classes: one row each, in the order of the network's logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from demo_model import shapes, textures
from demo_model.fields import Array, Ink, Placement, Rng
from demo_model.fractals import fractal

ANYWHERE = Placement()
PATTERN = Placement(zoom=(0.7, 1.5), shift=1.0)
CENTRED = Placement(zoom=(0.75, 1.35), shift=0.25)
UPRIGHT = Placement(turn=0.5, zoom=(0.8, 1.35), shift=0.2)


class Motif(NamedTuple):
    """One class: its name, its drawing function, its placement, and its natural palettes."""

    label: str
    draw: Callable[[Array, Array, Rng], Ink]
    placement: Placement
    front: tuple[str, ...]
    back: tuple[str, ...]


_GROUND = ("earth", "stone", "leaf", "sky", "night")
_ANY = ("leaf", "earth", "stone", "sky", "sea", "flower", "sunset", "fur", "snow", "night")

MOTIFS: tuple[Motif, ...] = (
    # textures
    Motif("stripes", textures.stripes, PATTERN, _ANY, _ANY),
    Motif("zigzag", textures.zigzag, PATTERN, ("sunset", "sea", "night"), ("snow", "earth")),
    Motif("waves", textures.waves, PATTERN, ("sea", "sky"), ("sea", "snow")),
    Motif("checks", textures.checks, PATTERN, ("night", "brick", "sea"), ("snow", "fur")),
    Motif("tartan", textures.tartan, PATTERN, ("brick", "flower", "sea"), ("leaf", "night")),
    Motif("dots", textures.dots, PATTERN, ("flower", "snow", "sunset"), ("sea", "flower", "night")),
    Motif("rosettes", textures.rosettes, PATTERN, ("night", "earth"), ("fur",)),
    Motif("zebra", textures.zebra, PATTERN, ("night",), ("snow", "fur")),
    Motif("scales", textures.scales, PATTERN, ("sea", "leaf", "iris"), ("night", "sea")),
    Motif("bricks", textures.bricks, PATTERN, ("brick",), ("stone", "fur")),
    Motif("honeycomb", textures.honeycomb, PATTERN, ("sunset", "autumn"), ("earth", "fur")),
    Motif("lattice", textures.lattice, PATTERN, ("snow", "earth", "stone"), ("leaf", "sky")),
    Motif("weave", textures.weave, PATTERN, ("fur", "earth"), ("earth", "night")),
    Motif("cracks", textures.cracks, PATTERN, ("earth", "fur", "stone"), ("night", "earth")),
    Motif("pebbles", textures.pebbles, PATTERN, ("stone", "fur"), ("night", "sea")),
    Motif("bubbles", textures.bubbles, PATTERN, ("snow", "sky"), ("sea", "sky")),
    Motif("wood", textures.wood, PATTERN, ("earth", "fur"), ("earth", "autumn")),
    Motif("marble", textures.marble, PATTERN, ("stone", "night"), ("snow", "stone")),
    Motif("clouds", textures.clouds, PATTERN, ("snow",), ("sky", "sunset")),
    Motif("fur", textures.fur, PATTERN, ("fur", "stone"), ("fur", "earth")),
    Motif("grass", textures.grass, ANYWHERE, ("leaf",), ("earth", "sky")),
    # rounds
    Motif("rings", shapes.rings, CENTRED, _ANY, _ANY),
    Motif("spiral", shapes.spiral, CENTRED, _ANY, _ANY),
    Motif("shell", shapes.shell, CENTRED, ("fur", "sunset", "snow"), ("sea", "earth")),
    Motif("rays", shapes.rays, CENTRED, ("sunset",), ("sky", "sunset")),
    Motif("cobweb", shapes.cobweb, CENTRED, ("snow",), ("leaf", "night")),
    Motif("eye", shapes.eye, UPRIGHT, ("snow", "iris"), ("fur", "brick")),
    Motif("owl eye", shapes.target, CENTRED, ("sunset", "night"), ("fur", "earth")),
    Motif("face", shapes.face, UPRIGHT, ("fur", "snow"), ("leaf", "sky")),
    # shapes and symbols
    Motif("ball", shapes.ball, CENTRED, ("flower", "sunset", "sea"), _GROUND),
    Motif("hoop", shapes.hoop, CENTRED, ("sunset", "stone", "flower"), _GROUND),
    Motif("crescent", shapes.crescent, CENTRED, ("snow", "sunset"), ("night", "sea")),
    Motif("triangle", shapes.triangle, CENTRED, _ANY, _GROUND),
    Motif("square", shapes.square, CENTRED, _ANY, _GROUND),
    Motif("plus", shapes.plus, CENTRED, ("snow", "brick", "flower"), _GROUND),
    Motif("star", shapes.star, CENTRED, ("sunset", "snow"), ("night", "sea", "sky")),
    Motif("heart", shapes.heart, CENTRED, ("flower", "brick"), ("snow", "sky", "night")),
    Motif("arrow", shapes.arrow, CENTRED, _ANY, _GROUND),
    Motif("gear", shapes.gear, CENTRED, ("stone", "autumn"), ("night", "earth")),
    # plants
    Motif("petals 3", shapes.petals3, CENTRED, ("flower",), ("leaf",)),
    Motif("petals 5", shapes.petals5, CENTRED, ("flower",), ("leaf", "earth")),
    Motif("petals 8", shapes.petals8, CENTRED, ("flower", "sunset"), ("leaf", "night")),
    Motif("daisy", shapes.daisy, CENTRED, ("snow", "sunset"), ("leaf",)),
    Motif("leaf", shapes.leaf, CENTRED, ("leaf", "autumn"), ("earth", "sky", "stone")),
    Motif("foliage", shapes.foliage, ANYWHERE, ("leaf", "autumn"), ("night", "sky")),
    Motif("feather", shapes.feather, CENTRED, ("snow", "sea", "fur"), ("sky", "stone", "night")),
    # fractals
    Motif("fern", fractal("fern"), CENTRED, ("leaf",), ("earth", "snow", "night")),
    Motif("gasket", fractal("gasket"), CENTRED, _ANY, _GROUND),
    Motif("carpet", fractal("carpet"), CENTRED, _ANY, _GROUND),
    Motif("pentaflake", fractal("pentaflake"), CENTRED, ("flower", "sky"), ("night", "sea")),
    Motif("snowflake", fractal("snowflake"), CENTRED, ("snow",), ("sky", "night", "sea")),
    Motif("dragon", fractal("dragon"), CENTRED, ("brick", "sunset"), ("night", "stone")),
    Motif("tree", fractal("tree"), CENTRED, ("leaf", "autumn"), ("sky", "snow")),
    Motif("maple", fractal("maple"), CENTRED, ("autumn", "brick"), ("sky", "earth")),
    Motif("coral", fractal("coral"), CENTRED, ("flower", "sunset"), ("sea",)),
    Motif("galaxy", fractal("galaxy"), CENTRED, ("snow", "sunset"), ("night",)),
)

LABELS: tuple[str, ...] = tuple(motif.label for motif in MOTIFS)
