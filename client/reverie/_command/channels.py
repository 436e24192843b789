"""Lists of channels on the command line: "3", "0-15,20" and "all"."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reverie_proto.names import nearest

from reverie._client import Client
from reverie._command.failure import Failure

# What stands for all channels of a layer.
ALL = "all"

# The most digits of a channel's number, which keeps ranges short enough to be listed.
MOST_DIGITS = 6

# The most ranges of one layer, and the most layers of one job, that a row of a table shows.
MOST_RANGES = 8
MOST_LAYERS = 4


def is_list(text: str) -> bool:
    """Return whether a text can only be meant as a list of channels, and not as the label of a class."""
    return text.strip() == ALL or re.fullmatch(r"[-0-9,\s]*[0-9][-0-9,\s]*", text) is not None


def parsed(text: str) -> list[int] | None:
    """Return the channels of a text such as "0-15,20", each once, or None for "all".

    Raise ValueError with what is wrong if the text is not a list of channels.
    """
    if text.strip() == ALL:
        return None
    chosen: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]+)(?:-([0-9]+))?\s*", part)
        if match is None:
            raise ValueError("write numbers and ranges, as in 0-15,20, or all")
        if too_large := [number for number in match.groups("") if len(number) > MOST_DIGITS]:
            raise ValueError(f"{too_large[0]} is too large for a channel")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"a range begins with its smaller number: write {last}-{first}, not {first}-{last}")
        chosen.update(dict.fromkeys(range(first, last + 1)))
    return list(chosen)


def listed_seeds(text: str | None) -> list[int] | None:
    """Return the seeds of a list such as 0-3, None if there is no list; raise Failure if it is not one."""
    if text is None:
        return None
    try:
        numbers = parsed(text)
    except ValueError as error:
        raise Failure(f"--seeds {text!r} is not a list of seeds: {error}.") from None
    if numbers is None:
        raise Failure("--seeds all has no end: write numbers and ranges, as in 0-3.")
    return numbers


def listed(client: Client, model: str, layer: str, text: str) -> list[int] | None:
    """Return the channels of a layer that a list such as "0-15,20" names, or None if the text is the label of a class.

    Raise Failure if the text is not a list of channels, or names one that the layer does not have.
    """
    layers = client.layers(model)
    found = next((known for known in layers if layer in (known.name, *known.aliases)), None)
    if found is None:
        near = nearest(layer, [known.name for known in layers])
        meant = f"did you mean {' or '.join(near)}?" if near else f"`reverie layers {model}` lists them."
        raise Failure(f"{model} has no layer {layer!r}; {meant}")
    # The labels of a model belong to its last layer.
    if found == layers[-1] and any(text in known.labels for known in client.models() if known.name == model):
        return None
    try:
        channels = parsed(text)
    except ValueError as error:
        raise Failure(f"{text!r} is not a list of channels: {error}.") from None
    if channels is None:
        return list(range(found.channels))
    if beyond := [channel for channel in channels if channel >= found.channels]:
        raise Failure(
            f"{layer} has the channels 0-{found.channels - 1}, so not {folded((n, n) for n in beyond)} of {text!r}."
        )
    return channels


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
