"""The law of imports: which package may know which, and within a package which folder."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.law_of_imports import LAWS, ORDERS, Law

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Import:
    """One module that a file names, and whether a function has to be called for it."""

    module: str
    deferred: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def imports(path: Path) -> Iterator[Import]:
    """Everything that a file imports, also for type checkers alone; of ``from a import b`` both a and a.b."""
    tree = ast.parse(path.read_text(), str(path))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, id(node) in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            assert node.module
            yield Import(node.module, id(node) in inside)
            yield from (Import(f"{node.module}.{alias.name}", id(node) in inside) for alias in node.names)


def files(law: Law) -> list[Path]:
    found = sorted((ROOT / law.folder).rglob("*.py"))
    assert found, f"{law.folder} is empty"
    return found


def confined(law: Law, path: Path, package: str) -> bool:
    """Whether a package may come in through this file."""
    doors = law.only.get(package)
    inner = path.relative_to(ROOT / law.folder).as_posix()
    return doors is None or any(inner.startswith(door) if door.endswith("/") else path.name == door for door in doors)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.folder)
def test_a_package_imports_only_what_the_law_allows(law: Law) -> None:
    allowed = law.may | sys.stdlib_module_names | {law.package}
    broken = {
        f"{path.relative_to(ROOT)} imports {each.top}"
        for path in files(law)
        for each in imports(path)
        if each.top not in allowed
    }
    assert broken == set()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.folder)
def test_the_law_allows_nothing_that_is_not_used(law: Law) -> None:
    used = {each.top for path in files(law) for each in imports(path)}
    assert law.may - used == set()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.folder)
def test_a_heavy_package_comes_in_through_one_door(law: Law) -> None:
    broken = {
        f"{path.relative_to(ROOT)} imports {each.top}"
        for path in files(law)
        for each in imports(path)
        if not confined(law, path, each.top)
    }
    assert broken == set()


def test_torch_is_imported_only_when_a_function_asks_for_it() -> None:
    export = next(law for law in LAWS if law.folder.startswith("export/"))
    eager = {
        f"{path.relative_to(ROOT)} imports {each.top}"
        for path in files(export)
        for each in imports(path)
        if each.top in {"timm", "torch", "torchvision"} and not each.deferred
    }
    assert eager == set()


def test_the_law_covers_every_package() -> None:
    packages = {str(init.parent.relative_to(ROOT)) for init in ROOT.glob("*/reverie*/__init__.py")}
    assert packages == {law.folder for law in LAWS}


# ----- within a package -----


def room(module: str) -> str:
    """The folder or module right below a package that a module is in; the package itself is its __init__."""
    _, _, inner = module.partition(".")
    return inner.partition(".")[0] or "__init__"


def module_of(law: Law, path: Path) -> str:
    """The name of the module that a file is."""
    inner = path.relative_to(ROOT / law.folder).with_suffix("")
    return ".".join([law.package, *(part for part in inner.parts if part != "__init__")])


def modules(law: Law) -> dict[str, set[str]]:
    """Every module of a package, and the modules of the same package that it imports."""
    paths = {module_of(law, path): path for path in files(law)}
    needs: dict[str, set[str]] = {}
    for name, path in paths.items():
        found = list(imports(path))
        # `from a.b import c`: the module a.b.c if there is one, or else a name of a.b.
        submodules = {each.module.rpartition(".")[0] for each in found if each.module in paths}
        own = {each.module for each in found if each.module in paths and each.module not in submodules}
        needs[name] = own - {name}
    return needs


@pytest.mark.parametrize("folder", ORDERS)
def test_a_folder_imports_only_folders_before_it(folder: str) -> None:
    needed = modules(next(law for law in LAWS if law.folder == folder))
    ranks = {name: rank for rank, row in enumerate(ORDERS[folder]) for name in row}
    assert {room(module) for module in needed} - ranks.keys() == set(), "not in the order of the folders"
    broken = {
        f"{importer} imports {imported}"
        for importer, needs in needed.items()
        for imported in needs
        if room(importer) != room(imported) and ranks[room(imported)] >= ranks[room(importer)]
    }
    assert broken == set()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.folder)
def test_no_module_needs_itself(law: Law) -> None:
    circle: list[str] = []
    try:
        TopologicalSorter(modules(law)).prepare()
    except CycleError as error:
        circle = error.args[1]
    assert circle == []


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.folder)
def test_every_folder_of_a_package_is_a_package(law: Law) -> None:
    folders = {path.parent for path in files(law)}
    assert {str(each.relative_to(ROOT)) for each in folders if not (each / "__init__.py").is_file()} == set()


def holds_code(node: ast.stmt) -> bool:
    """Whether a statement of an __init__.py is more than a list of names.

    Allowed are the docstring, imports, ``__all__``, and a door that imports on demand (PEP 562): imports for type
    checkers, a private table of names, ``__getattr__`` and ``__dir__``.
    """
    if isinstance(node, ast.Import | ast.ImportFrom):
        return False
    if isinstance(node, ast.Expr):
        return not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str))
    if isinstance(node, ast.If):
        return ast.unparse(node.test) != "TYPE_CHECKING" or any(map(holds_code, node.body)) or bool(node.orelse)
    if isinstance(node, ast.FunctionDef):
        return node.name not in {"__getattr__", "__dir__"}
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return True
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    return not all(name.startswith("_") for name in names)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.folder)
def test_an_init_file_lists_names_and_holds_no_code(law: Law) -> None:
    broken = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files(law)
        if path.name == "__init__.py"
        for node in ast.parse(path.read_text()).body
        if holds_code(node)
    ]
    assert broken == []


# What commands print without `printable`, because nobody else has written it.
OUR_OWN = {
    "text",  # a new API key
    "line",  # JSON, or printable lines
    "STATUSES[status]",
    "f'{stage} ...'",
    "f'Stopping: renders in progress have {settings.grace:g} s to finish.'",
    "toml(configuration)",
    "json.dumps({'file': str(file), 'error': str(e)}, indent=2)",
}


def test_a_command_prints_names_from_elsewhere_only_where_they_cannot_control_the_terminal() -> None:
    printed = {
        node.args[0]
        for law in LAWS
        for path in files(law)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "click.echo"
    }
    raw = {ast.unparse(each) for each in printed if not isinstance(each, ast.Constant)}
    assert {each for each in raw if not each.startswith(("printable(", "printable_lines("))} == OUR_OWN


def test_no_test_imports_a_measurement() -> None:
    """What a test shares with a measurement lives in tests/, which bench/ may import."""
    broken = [
        f"{path.relative_to(ROOT)}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if any(each.top == "bench" for each in imports(path))
    ]
    assert broken == []


# ----- the page that leads through the files -----


def test_every_file_that_the_architecture_names_exists() -> None:
    """With a folder in its name by that path, alone (a sibling of the one before it) anywhere in a package."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`((?:\w+/)*\w+(?:\.py|\.proto|/))`", page))
    inside = {path.name for law in LAWS for path in (ROOT / law.folder).rglob("*")}
    homes = [ROOT, *(ROOT / law.folder for law in LAWS)]
    missing = {
        name
        for name in named
        if not (any((home / name).exists() for home in homes) if "/" in name.rstrip("/") else name.strip("/") in inside)
    }
    assert len(named) > 40
    assert missing == set()
