"""Finds the callables of a Python file that may return a network, without running the file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# Endings of the names of classes that are networks, as a file writes its bases.
BASES = ("Module", "ModuleList", "Sequential")
LIKELY = ("build", "make", "create", "get", "model", "net")  # of functions that return one


def candidates(path: Path) -> list[str]:
    """Return the names of functions and network classes that can be called without arguments, best guess first.

    Functions come before classes, and those whose names say that they build a network before others. The list is empty
    for a file that cannot be read.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    networks: set[str] = set()
    functions: list[str] = []
    classes: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and _is_network(node, networks):
            networks.add(node.name)
            if node.name[0] != "_" and _needs_nothing(_init_of(node), method=True):
                classes.append(node.name)
        elif isinstance(node, ast.FunctionDef) and node.name[0] != "_" and node.name != "main":
            returns = any(isinstance(inner, ast.Return) and inner.value is not None for inner in ast.walk(node))
            if returns and _needs_nothing(node, method=False):
                functions.append(node.name)
    return [*sorted(functions, key=lambda name: not name.lower().startswith(LIKELY)), *classes]


def _is_network(node: ast.ClassDef, networks: set[str]) -> bool:
    return any(base in networks or base.endswith(BASES) for base in _bases(node))


def _bases(node: ast.ClassDef) -> Iterator[str]:
    for base in node.bases:
        if isinstance(base, ast.Name):
            yield base.id
        elif isinstance(base, ast.Attribute):
            yield base.attr


def _init_of(node: ast.ClassDef) -> ast.FunctionDef | None:
    return next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)


def _needs_nothing(function: ast.FunctionDef | None, *, method: bool) -> bool:
    """Whether every argument, besides ``self`` of a method, has a default."""
    if function is None:
        return True
    given = function.args
    required = len(given.posonlyargs) + len(given.args) - len(given.defaults) - method
    return required <= 0 and all(default is not None for default in given.kw_defaults)
