"""The code blocks of the pages that export networks run, and print what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import PAGES
from tests.docs.reader import needs_export, read_page


@pytest.mark.timeout(0)
@pytest.mark.parametrize("page", [page for page in PAGES if needs_export(page)], ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page: Path, address: str, tmp_path: Path) -> None:
    read_page(page, tmp_path, address)
