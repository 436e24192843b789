"""Every code block of the documentation runs, and prints what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, blocks
from tests.docs.interpreter import Interpreter
from tests.docs.output import matches
from tests.docs.reader import Reader, needs_export, read_page


@pytest.mark.timeout(0)
@pytest.mark.parametrize("page", [page for page in PAGES if not needs_export(page)], ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page: Path, address: str, tmp_path: Path) -> None:
    read_page(page, tmp_path, address)


def test_a_block_that_is_not_run_says_why() -> None:
    assert [
        block.place for page in PAGES for block in blocks(page) if not block.is_run and not block.directives["not run"]
    ] == []


@pytest.mark.parametrize(
    ("printed", "said", "equal"),
    [
        ("0 0.301\n", "0 0.30", True),
        ("0 0.31\n", "0 0.30", True),
        ("0 0.34\n", "0 0.30", False),
        ("digest 12ab about 3 s  \nend", "digest ... s\nend\n", True),
        ("two words", "two", False),
    ],
)
def test_what_is_printed_is_compared_with_what_is_said(printed: str, said: str, equal: bool) -> None:
    assert matches(printed, said) is equal


def test_a_block_knows_its_language_its_place_and_its_directives(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("text\n\n<!-- needs: torch -->\n<!-- file: a.py -->\n\n```python\nx = 1\n```\n\n```sh\nls\n```\n")
    first, second = blocks(page)
    assert (first.place, first.language, first.text) == ("page.md:6", "python", "x = 1\n")
    assert first.directives == {"needs": "torch", "file": "a.py"}
    assert second.directives == {}


@pytest.mark.parametrize(
    "text",
    [
        "```python\nassert 1 == 2\n```\n",
        "```sh\nfalse\n```\n",
        "```console\n$ echo one\ntwo\n```\n",
        "```toml\na =\n```\n",
    ],
)
def test_a_wrong_block_fails(text: str, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(text)
    with Interpreter(tmp_path) as interpreter:
        reader = Reader(tmp_path, "", interpreter)
        *before, wrong = blocks(tmp_path / "page.md")
        for block in before:
            reader.read(block)
        with pytest.raises((AssertionError, ValueError)):
            reader.read(wrong)
