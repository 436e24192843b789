"""The checkout as a whole: its lists are complete, its tools are pinned, and no test imports from bench."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from tests.packaging.checkout import FOLDERS, PACKAGES, PYPROJECT, ROOT

TOOL = PYPROJECT["tool"]
BUILD = TOOL["hatch"]["build"]

# Every list of folders with packages, and what it holds besides.
LISTS: dict[str, tuple[Any, set[str]]] = {
    "what an editable install finds": (BUILD["dev-mode-dirs"], set()),
    "what the sdist holds": (BUILD["targets"]["sdist"]["only-include"], {"CHANGELOG.md"}),
    "where mypy looks": (TOOL["mypy"]["mypy_path"].split(":"), set()),
}


def test_every_package_is_shipped() -> None:
    packages = {str(init.parent.relative_to(ROOT)) for init in ROOT.glob("*/reverie*/__init__.py")}
    assert packages == set(PACKAGES)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_in_pyproject_names_every_folder_with_a_package(name: str) -> None:
    listed, besides = LISTS[name]
    assert sorted(listed) == sorted({*FOLDERS} | besides)


def test_checkers_are_pinned() -> None:
    assert [each for each in PYPROJECT["dependency-groups"]["check"] if "==" not in each] == []


def test_no_test_imports_from_bench() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(), str(path)))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
        if name.split(".")[0] == "bench"
    ]
    assert found == []
