"""Click's runner of commands, with standard error apart from standard output in every release."""

from __future__ import annotations

import inspect
from typing import Any

from click.testing import CliRunner


def runner() -> CliRunner:
    """Releases before 8.2 mix the two unless told not to, and later ones know no such option."""
    options: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    return CliRunner(**options)
