"""Recipes: the objective and the settings of one picture, with every default filled in."""

from __future__ import annotations

from dataclasses import dataclass

from reverie_proto.sizes import Size

from reverie_ascent.recipe.objective import Term
from reverie_ascent.recipe.optimizer import Adam, Constant, Optimizer, Penalty, Schedule
from reverie_ascent.recipe.parametrization import Fourier, Parametrization
from reverie_ascent.recipe.transform import LUCID, Transform

FOURIER, CONSTANT, ADAM = Fourier(), Constant(), Adam()


class RecipeError(ValueError):
    """A recipe does not fit the model or the program; the message names the value and what is allowed."""


@dataclass(frozen=True)
class Recipe:
    """How to render one picture, or a group of them: the objective, height and width, and the settings of the ascent.

    The objective is the sum of the ``terms``, each times its weight, except that those in one of ``products`` (indices
    of terms) are multiplied. ``view_size`` is the size that the network sees, None for the picture's own. ``views`` of
    each of the ``pictures`` of a group are seen at each step. With ``best_of`` so many seeds are tried, from ``seed``
    on. The ascent ends once the activation without transforms reaches ``stop_at``. With ``alpha`` the picture has one
    channel more, its opacity.
    """

    terms: tuple[Term, ...]
    size: Size
    steps: int
    learning_rate: float
    seed: int
    parametrization: Parametrization = FOURIER
    transforms: tuple[Transform, ...] = LUCID
    schedule: Schedule = CONSTANT
    optimizer: Optimizer = ADAM
    products: tuple[tuple[int, ...], ...] = ()
    penalties: tuple[Penalty, ...] = ()
    view_size: Size | None = None
    views: int = 1
    pictures: int = 1
    best_of: int = 1
    stop_at: float | None = None
    importance: bool = False
    robustness: bool = False
    alpha: bool = False

    @property
    def seen_size(self) -> Size:
        """Height and width of what the network sees."""
        return self.view_size or self.size

    @property
    def network_pictures(self) -> int:
        """How many pictures the network sees at each step."""
        return self.views * self.pictures

    @property
    def all_steps(self) -> int:
        """The steps of all attempts."""
        return self.steps * self.best_of
