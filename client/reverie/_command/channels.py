"""Lists of channels on the command line: "3", "0-15,20" and "all"."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What stands for all channels of a layer.
ALL = "all"

# The most ranges of one layer, and the most layers of one job, that a row of a table shows.
MOST_RANGES = 8
MOST_LAYERS = 4


def is_list(text: str) -> bool:
    """Return whether a text can only be meant as a list of channels, and not as the label of a class."""
    return text == ALL or re.fullmatch(r"[-0-9,\s]*[0-9][-0-9,\s]*", text) is not None


def parsed(text: str) -> list[int] | None:
    """Return the channels of a text such as "0-15,20", each once, or None for "all".

    Raise ValueError with what is wrong if the text is not a list of channels.
    """
    if text.strip() == ALL:
        return None
    chosen: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,6})(?:-([0-9]{1,6}))?\s*", part)
        if match is None:
            raise ValueError("write numbers and ranges, as in 0-15,20, or all")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"a range begins with its smaller number: write {last}-{first}, not {first}-{last}")
        chosen.update(dict.fromkeys(range(first, last + 1)))
    return list(chosen)


def folded(ranges: Iterable[tuple[int, int]], *, most: int | None = None) -> str:
    """Return ranges that include both ends as a short text such as "0-15,20", in order and joined where they meet.

    If there are more than ``most``, the text ends with the number of all channels.
    """
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in joined[:most]]
    if most is not None and len(joined) > most:
        shown.append(f"... ({sum(last - first + 1 for first, last in joined)} channels)")
    return ",".join(shown)
