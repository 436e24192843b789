"""What is wrong with a request, gathered before any of it is refused."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from reverie_server.errors import InvalidRequest, NotServed, Violation, shown


class Notes:
    """The violations found in one request.

    Unknown models and layers are kept apart: a request that is otherwise sound gets NOT_FOUND, any other hears of
    everything at once.
    """

    def __init__(self, wrong: Sequence[Violation] = ()) -> None:
        self._wrong: list[Violation] = list(wrong)
        self._absent: list[tuple[str, str, Violation]] = []

    def wrong(self, field: str, problem: str) -> None:
        """Note a value that cannot be served; the same note twice is one."""
        if (violation := Violation(field, problem)) not in self._wrong:
            self._wrong.append(violation)

    def absent(self, field: str, problem: str, *, kind: str, name: str) -> None:
        """Note a name of something that is not served here."""
        self._absent.append((kind, name, Violation(field, problem)))

    def within(self, field: str, value: float, low: float, high: float, *, because: str = "") -> bool:
        """Note a number outside of low..high, NaN included; return whether it is inside."""
        if low <= value <= high:
            return True
        self.wrong(field, f"{shown(value)} is not in {low}..{high}{because}")
        return False

    def refuse(self) -> None:
        """Raise what was noted, if anything was."""
        if self._wrong:
            raise InvalidRequest([*self._wrong, *(violation for _, _, violation in self._absent)])
        if self._absent:
            kind, name, _ = self._absent[0]
            raise NotServed(kind, name, [violation for _, _, violation in self._absent])


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence about a name that nothing answers to, with the nearest ones that something does."""
    names = list(known)
    return f"there is no {kind} {shown(name)}; {nearest(name, names)}"


def nearest(name: str, known: Sequence[str]) -> str:
    """Return which of the known names the caller may have meant, or some of them."""
    folded = {candidate.casefold(): candidate for candidate in reversed(known)}
    close = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    if close:
        return "the nearest: " + ", ".join(folded[match] for match in close)
    few = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    return f"known: {few}" if known else "none is served here"
