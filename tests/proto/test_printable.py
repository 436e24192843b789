"""Texts from elsewhere are printed without effect on the terminal or the lines around them."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from reverie_proto.printable import printable, printable_lines

SHOWN = {
    "": "",
    "conv4_3": "conv4_3",
    "Zoë’s 网络 🦊": "Zoë’s 网络 🦊",
    "non\u00a0breaking": "non\u00a0breaking",
    "C:\\models\\x": "C:\\models\\x",
    "a\nb": r"a\nb",
    "a\r\tb": r"a\r\tb",
    "\x1b[31m": r"\x1b[31m",
    "\x9b2J": r"\x9b2J",
    "\x7f": r"\x7f",
    "a\u2028b\u2029c": r"a\u2028b\u2029c",
    "\u202eabc": r"\u202eabc",
    "\udc9b": r"\udc9b",
    "\U000e0041": r"\U000e0041",
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.items(), ids=map(ascii, SHOWN))
def test_what_could_control_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_every_character_is_printed_on_one_line() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    safe = printable(everything)
    assert len(safe.splitlines()) == 1
    assert {unicodedata.category(each) for each in safe} & {"Cc", "Cf", "Cs", "Zl", "Zp"} == set()


def test_only_a_newline_ends_a_line() -> None:
    assert printable_lines("a\n  b\rc\x85d") == "a\n  b\\rc\\x85d"
