"""The key of a step program: all that decides its graph. Channels, weights, seeds and steps are inputs instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from reverie_proto.sizes import Size

from reverie_ascent.recipe import Parametrization, Recipe, Term, Transforms

#: How a term's score is computed from the activation of its layer.
Form: TypeAlias = Literal["linear", "cosine", "squares"]


@dataclass(frozen=True)
class ProgramKey:
    """Recipes with equal keys can share a program and a batch. ``terms`` holds a layer and a form for each term."""

    terms: tuple[tuple[str, Form], ...]
    size: Size
    parametrization: Parametrization
    transforms: Transforms


def program_key(recipe: Recipe) -> ProgramKey:
    """Return the key of the program that renders a recipe."""
    terms = tuple((term.layer, form(term)) for term in recipe.terms)
    return ProgramKey(terms, recipe.size, recipe.parametrization, recipe.transforms)


def form(term: Term) -> Form:
    """Return the form of a term's score."""
    if term.kind == "layer":
        return "squares"
    return "cosine" if term.kind == "direction" and term.cosine_power > 0 else "linear"
