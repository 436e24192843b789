"""`python -m tests.packaging.lowest` prints the lowest allowed versions of the client's requirements, for pip."""

from __future__ import annotations

import re

from tests.packaging.checkout import PYPROJECT


def lowest(requirement: str) -> str:
    """Return the lowest version that a requirement allows, pinned: "click==8.1" for "click>=8.1,<9"."""
    match = re.fullmatch(r"([\w-]+)>=([\d.]+)(,<[\d.]+)?", requirement)
    if match is None:
        raise SystemExit(f"pyproject.toml: {requirement!r} promises no lowest version: write name>=version")
    return f"{match[1]}=={match[2]}"


if __name__ == "__main__":
    print(*map(lowest, PYPROJECT["project"]["dependencies"]))
