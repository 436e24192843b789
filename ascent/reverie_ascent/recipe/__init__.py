"""Recipes: what to render, and how, with every default filled in."""

from reverie_ascent.recipe.objective import Kind as Kind
from reverie_ascent.recipe.objective import Term as Term
from reverie_ascent.recipe.parametrization import Parametrization as Parametrization
from reverie_ascent.recipe.recipe import Recipe as Recipe
from reverie_ascent.recipe.recipe import RecipeError as RecipeError
