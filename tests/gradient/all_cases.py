"""The table of gradients: one row or more for every rule, one file for each family in cases/."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from tests.gradient import cases

FAMILIES = [import_module(f"{cases.__name__}.{found.name}") for found in iter_modules(cases.__path__)]

CASES = [case for family in FAMILIES for case in family.CASES]
