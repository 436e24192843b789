"""Says which of the known names was probably meant by an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence

#: The arguments of a call that describes one picture, besides its options.
POSITIONS = ("model", "layer", "channel")


def nearest(name: str, known: Sequence[str]) -> list[str]:
    """Return up to three of the known names that are near to a name, the nearest first; upper and lower case agree."""
    folded = {candidate.casefold(): candidate for candidate in reversed(known)}
    return [folded[match] for match in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)]


def check_options(
    call: str, given: Iterable[str], known: Collection[str], *, positions: Sequence[str] = POSITIONS
) -> None:
    """Raise TypeError if a call does not have one of the given options; the message has the nearest name of each.

    ``positions`` are the arguments that the call takes by position too.
    """
    unknown = [name for name in given if name not in known]
    if not unknown:
        return
    sentences = []
    for name in unknown:
        near = nearest(name, [*positions, *known])
        meant = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
        sentences.append(f"{call}() has no option {name!r}; {meant}")
    raise TypeError(" ".join(sentences))
