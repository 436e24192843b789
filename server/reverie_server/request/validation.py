"""Collects the violations of a request, so that an error can name all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from reverie_proto.names import nearest

from reverie_server.errors import InvalidRequest, NotServed, Unchecked, Violation, shown

#: Checking a request stops after so many violations: a long request would cost more time than anyone needs the rest.
MAX_VIOLATIONS = 100
#: Follows them in the error.
STOPPED = Unchecked("request", f"checking stopped after {MAX_VIOLATIONS} violations, so there may be more")


class Violations:
    """The violations found in one request.

    Unknown models and layers are collected separately: if there is no other violation the request fails with NOT_FOUND,
    otherwise with INVALID_ARGUMENT and all violations. Each method that adds one raises the same error at once when
    there are `MAX_VIOLATIONS`.
    """

    def __init__(self, unwritten: Sequence[Violation] = ()) -> None:
        self._invalid: dict[Violation, None] = dict.fromkeys(unwritten)
        # A value that could not be written into the request is absent from it and must not be checked a second time.
        self._unwritten = {violation.field for violation in unwritten}
        self._not_served: list[tuple[str, str, Violation]] = []

    def add(self, field: str, problem: str) -> None:
        """Add a field whose value cannot be served, unless that violation was added before."""
        if field not in self._unwritten:
            self._invalid[Violation(field, problem)] = None
            self._stop_if_many()

    def add_not_served(self, field: str, problem: str, *, kind: str, name: str) -> None:
        """Add a field that names a resource, a model or a layer, that is not served here."""
        if field not in self._unwritten:
            self._not_served.append((kind, name, Violation(field, problem)))
            self._stop_if_many()

    def check_range(self, field: str, value: float, low: float, high: float, *, because: str = "") -> bool:
        """Return whether low <= value <= high; add a violation if not. NaN is not in any range."""
        if isinstance(value, float):  # a float32 of the wire: 0.01 is a little less there
            inside = bool(np.float32(low) <= np.float32(value) <= np.float32(high))
        else:
            inside = low <= value <= high
        if inside:
            return True
        self.add(field, f"{shown(value)} is not in {low}..{high}{because}")
        return False

    def has(self, field: str) -> bool:
        """Return whether a field or a part of it has an invalid value."""
        return any(violation.field.startswith(field) for violation in self._invalid)

    def raise_if_any(self) -> None:
        """Raise InvalidRequest or NotServed with all violations, if there are any."""
        if self._invalid:
            raise InvalidRequest([*self._invalid, *(violation for _, _, violation in self._not_served)])
        if self._not_served:
            kind, name, _ = self._not_served[0]
            raise NotServed(kind, name, [violation for _, _, violation in self._not_served])

    def _stop_if_many(self) -> None:
        if len(self._invalid) + len(self._not_served) >= MAX_VIOLATIONS:
            if self._invalid:
                self._invalid[STOPPED] = None
            else:
                self._not_served.append(("", "", STOPPED))
            self.raise_if_any()


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return a sentence about a name that does not exist, with the existing names nearest to it."""
    names = list(known)
    return f"there is no {kind} {shown(name)}; {suggestion(name, names)}"


def suggestion(name: str, known: Sequence[str]) -> str:
    """Return a clause with the known names nearest to a name, or with some of them if none is near."""
    if close := nearest(name, known):
        return "the nearest: " + ", ".join(close)
    few = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    return f"known: {few}" if known else "none is served here"
