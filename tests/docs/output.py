"""Compares what a block printed with what the page says it prints."""

from __future__ import annotations

import re

#: `...` stands for anything, across lines too.
ANYTHING = "..."
NUMBER = re.compile(r"-?\d+\.\d+")


def matches(printed: str, said: str) -> bool:
    """Return whether a text is what the page says.

    `...` in the page stands for any text. Spaces at the ends of lines do not count. A number with decimals may differ
    by two units of its last digit: pictures differ in the last digits between processors.
    """
    printed, said = _tidy(printed), _tidy(said)
    pattern = "".join(_pattern(part) for part in re.split(r"(\.\.\.|-?\d+\.\d+)", said))
    found = re.fullmatch(pattern, printed, re.DOTALL)
    return found is not None and all(_near(*pair) for pair in zip(found.groups(), NUMBER.findall(said), strict=True))


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _pattern(part: str) -> str:
    if part == ANYTHING:
        return ".*?"
    return r"(-?\d+\.\d+)" if NUMBER.fullmatch(part) else re.escape(part)


def _near(printed: str, said: str) -> bool:
    unit = 10.0 ** -len(said.partition(".")[2])
    return abs(float(printed) - float(said)) <= 2 * unit
