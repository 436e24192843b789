"""The options of commands that describe pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from reverie._options import SpecOptions

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = (
    click.option("--size", type=int, metavar="PX", help="Width and height in pixels.  [default: 224]"),
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
