"""The table of docs/clients.md: which client did which case behind all doors, as the tests have just seen it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tests.clients.cases import CASES
from tests.clients.doors import DOORS
from tests.clients.languages import LANGUAGES, ROOT

PAGE = ROOT / "docs" / "clients.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"

#: Whether a test passed, by language, case and door.
Results = dict[tuple[str, str, str], bool]


def table(results: Results) -> str:
    """Return the table in Markdown; a cell says what did not pass or was not run."""
    passed: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (language, case, door), fine in results.items():
        if fine:
            passed[language, case].add(door)
    names = [language.name for language in LANGUAGES]
    rows = [["", *names], ["---"] * (len(names) + 1)]
    for case in CASES:
        cells = []
        for name in names:
            missing = [door.name for door in DOORS if door.name not in passed[name, case]]
            cells.append("yes" if not missing else "no: " + ", ".join(missing))
        rows.append([f"`{case}`", *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write(results: Results, page: Path = PAGE) -> None:
    """Put the table of these results into the page."""
    before, rest = page.read_text().split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n\n{table(results)}\n\n{END}{after}")
