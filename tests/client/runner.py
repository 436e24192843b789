"""Click's test runner, with separate standard error and standard output in every release."""

from __future__ import annotations

import inspect
from typing import Any

from click.testing import CliRunner


def runner() -> CliRunner:
    """Return a runner. Releases before 8.2 mix the two by default, and later releases do not have the option."""
    options: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    return CliRunner(**options)
