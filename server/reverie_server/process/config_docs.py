"""Writes the table of settings in docs/production.md.

``python -m reverie_server.process.config_docs docs/production.md`` updates it.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

from reverie_server.limits import Limits
from reverie_server.process.settings import Setting, table

BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"


def markdown() -> str:
    """Return the tables of all settings and bounds."""
    rows = [
        f"| `{each.name}` | `{each.flag}` | `{each.variable}` | {_default(each)} | {each.help} |" for each in table()
    ]
    bounds = [f"| `{name}` | {most} |" for name, most in asdict(Limits()).items()]
    return "\n".join(
        [
            *("| in the file | flag | variable | default | |", "|---|---|---|---|---|", *rows, ""),
            "Bounds, in the table `[limits]`, as `--limit NAME=VALUE`, or as `REVERIE_LIMITS_NAME`:",
            *("", "| bound | default |", "|---|---|", *bounds, ""),
        ]
    )


def updated(text: str) -> str:
    """Return a page with its tables of settings replaced by the current ones."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{markdown()}{END}{after}"


def _default(setting: Setting) -> str:
    if setting.name == "limits":
        return "see below"
    if setting.default in (None, ()):
        return ""
    return f"`{str(setting.default).lower() if setting.kind is bool else setting.default}`"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(updated(page.read_text()))
