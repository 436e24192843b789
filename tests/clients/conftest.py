"""A server behind each door, with two models, and the conformance program of each language, built once."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients.cases import UNICODE_LABEL, UNICODE_LAYER, UNICODE_MODEL
from tests.clients.doors import Door, Served, serving
from tests.clients.languages import Language
from tests.clients.table import Results, write
from tests.models import LABELS, write_tiny_model

#: A picture of 700 pixels as raw numbers takes 6 MB, more than gRPC's limit of 4.
LIMITS = ("--limit", "max_response_bytes=16777216")

RESULTS: pytest.StashKey[Results] = pytest.StashKey()

Serve = Callable[..., Served]
Build = Callable[[Language], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--write-table`, which puts what the tests saw into docs/clients.md."""
    parser.addoption("--write-table", action="store_true", help="write the table of docs/clients.md")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note which client did which case."""
    report = yield
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    if report.when == "call" and "language" in parameters:
        where = (parameters["language"].name, parameters["case"], parameters["door"].name)
        item.config.stash.setdefault(RESULTS, {})[where] = report.passed
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table, if it was asked for."""
    if session.config.getoption("--write-table"):
        write(session.config.stash.get(RESULTS, {}))


@pytest.fixture(scope="session")
def served_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model, and with the same under names in other alphabets."""
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder / "tiny")
    other = write_tiny_model(folder / UNICODE_MODEL)
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["labels"] = [UNICODE_LABEL, *LABELS[1:]]
    manifest["layers"][-1]["layer"]["name"] = UNICODE_LAYER
    (other / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def shared(served_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Return the server behind a door that the cases share; it is started when it is first asked for."""
    running: dict[str, Served] = {}
    with ExitStack() as stack:

        def serve(door: Door) -> Served:
            if door.name not in running:
                folder = tmp_path_factory.mktemp(door.name)
                running[door.name] = stack.enter_context(serving(door, folder, served_models, *LIMITS))
            return running[door.name]

        yield serve


@pytest.fixture
def own(served_models: Path, tmp_path: Path) -> Iterator[Serve]:
    """Start a server behind a door for one test, with arguments of its own."""
    with ExitStack() as stack:
        yield lambda door, *more: stack.enter_context(serving(door, tmp_path, served_models, *LIMITS, *more))


@pytest.fixture(scope="session")
def build() -> Build:
    """Build a language's program, once; skip the test if its toolchain is not here."""
    failures: dict[str, str] = {}

    def make(language: Language) -> None:
        if missing := language.missing():
            pytest.skip(missing)
        if language.name not in failures:
            try:
                language.make()
            except RuntimeError as error:
                failures[language.name] = str(error)
            else:
                failures[language.name] = ""
        if failures[language.name]:
            pytest.fail(failures[language.name], pytrace=False)

    return make
