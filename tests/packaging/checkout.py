"""Facts about the checkout: its files, and the lists of its pyproject.toml."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())

PACKAGES: tuple[str, ...] = tuple(PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
"""Every import package that is shipped, as the path of its folder, such as "client/reverie"."""

FOLDERS = tuple(package.partition("/")[0] for package in PACKAGES)


def tracked(*folders: str) -> set[str]:
    """Return the paths of the files that git tracks in folders, relative to the root."""
    listed = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, check=True, capture_output=True, text=True)
    return {path for path in listed.stdout.split("\0") if path and (ROOT / path).exists()}
