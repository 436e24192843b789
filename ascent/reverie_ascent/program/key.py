"""The key of a step program: all that decides its graph. Channels, weights, seeds and steps are inputs instead."""

from __future__ import annotations

from dataclasses import dataclass

from reverie_proto.sizes import Size

from reverie_ascent.program import optimizers
from reverie_ascent.program.objectives import Form, form
from reverie_ascent.recipe.optimizer import PenaltyKind
from reverie_ascent.recipe.parametrization import Parametrization
from reverie_ascent.recipe.recipe import Recipe
from reverie_ascent.recipe.transform import Transform


@dataclass(frozen=True)
class ProgramKey:
    """Recipes with equal keys can share a program and a batch. ``terms`` holds a layer and a form for each term.

    The other fields are those of the recipe, ``size`` that of the picture and ``seen_size`` what the network sees.
    """

    terms: tuple[tuple[str, Form], ...]
    products: tuple[tuple[int, ...], ...]
    size: Size
    seen_size: Size
    views: int
    pictures: int
    parametrization: Parametrization
    transforms: tuple[Transform, ...]
    optimizer: optimizers.OptimizerForm
    penalties: tuple[PenaltyKind, ...]
    importance: bool
    alpha: bool = False

    @property
    def network_pictures(self) -> int:
        """How many pictures the network sees at each step of one render."""
        return self.views * self.pictures


def program_key(recipe: Recipe) -> ProgramKey:
    """Return the key of the program that renders a recipe."""
    return ProgramKey(
        terms=tuple((term.layer, form(term)) for term in recipe.terms),
        products=recipe.products,
        size=recipe.size,
        seen_size=recipe.seen_size,
        views=recipe.views,
        pictures=recipe.pictures,
        parametrization=recipe.parametrization,
        transforms=recipe.transforms,
        optimizer=optimizers.form(recipe.optimizer),
        penalties=tuple(penalty.kind for penalty in recipe.penalties),
        importance=recipe.importance,
        alpha=recipe.alpha,
    )
