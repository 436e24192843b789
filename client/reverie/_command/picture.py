"""The options of commands that describe pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from reverie._options import SpecOptions

F = TypeVar("F", bound=Callable[..., Any])


def picture_size(_: click.Context, __: click.Parameter, text: str | None) -> int | tuple[int, int] | None:
    """Parse a size such as 224, or 32x128 (height x width); raise ``click.BadParameter`` for anything else."""
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}(x[0-9]{1,9})?", text):
        raise click.BadParameter(f"{text!r} is not a size such as 224, or 32x128 (height x width).")
    height, _x, width = text.partition("x")
    return (int(height), int(width)) if width else int(height)


OPTIONS = (
    click.option(
        "--size",
        callback=picture_size,
        metavar="PX",
        help="Side of a square in pixels, or height and width such as 32x128.  [default: the model's own]",
    ),
    click.option("--steps", type=int, metavar="N", help="Steps of gradient ascent.  [default: the preset's]"),
    click.option("--seed", type=int, metavar="N", help="Of the first noise and all that is random.  [default: 0]"),
    click.option("--preset", metavar="NAME", help="Named set of choices for what is left out.  [default: reverie]"),
)


def picture_options(command: F) -> F:
    """Add the options that describe a picture, except for its objective, to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def given_options(options: dict[str, Any]) -> SpecOptions:
    """Remove these options from ``options`` and return those that have a value."""
    chosen: SpecOptions = {}
    for name in ("size", "steps", "seed", "preset"):
        if (value := options.pop(name)) is not None:
            chosen[name] = value
    return chosen
