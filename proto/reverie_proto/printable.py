"""Makes texts from elsewhere safe to print: names of models and certificates, messages of servers, paths."""

from __future__ import annotations

import unicodedata

#: Categories of Unicode that change how the rest of a text looks: controls, formats (such as the direction of writing),
#: halves of surrogate pairs, and separators of lines and paragraphs.
UNSAFE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def printable(text: str) -> str:
    """Return a text on one line in which characters that could control a terminal or a log are escaped.

    A newline becomes ``\\n``, the escape character ``\\x1b``. Other texts stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(map(_escaped, text))


def printable_lines(text: str) -> str:
    """Return a text of several lines, each of them printable; only a newline ends a line."""
    return "\n".join(map(printable, text.split("\n")))


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in UNSAFE:
        return character
    return character.encode("unicode_escape").decode("ascii")
