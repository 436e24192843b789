"""Options for the input of a network, shared by ``reverie export`` and ``reverie check``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click
from reverie_proto.printable import printable_lines
from reverie_proto.sizes import Size


class Refused(click.ClickException):
    """A network that cannot be exported; exit code 2."""

    exit_code = 2

    def format_message(self) -> str:
        """Return the message, in which names from the network cannot control the terminal."""
        return printable_lines(self.message)


def numbers(text: str) -> tuple[float, ...]:
    """Parse numbers separated by commas; raises ``click.BadParameter``."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a list of numbers such as 0.485,0.456,0.406") from None


def _numbers(_: click.Context, __: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    return None if text is None else numbers(text)


def _range(_: click.Context, __: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    found = None if text is None else numbers(text)
    if found is not None and len(found) != 2:
        raise click.BadParameter(f"{text!r} is not two numbers such as -1,1")
    return found


def _layers(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    return () if text == "all" else tuple(part.strip() for part in text.split(",") if part.strip())


def _picture(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int | None, Size | None]:
    """Return the channels and the size of CHANNELSxHEIGHTxWIDTH, HEIGHTxWIDTH or the side of a square."""
    if text is None:
        return None, None
    parts = text.lower().split("x")
    if len(parts) > 3 or not all(re.fullmatch("[0-9]{1,9}", part) for part in parts):
        problem = "is not channels x height x width such as 3x224x224, height x width such as 32x128, or a side"
        raise click.BadParameter(f"{text!r} {problem} such as 224")
    *channels, height, width = map(int, parts if len(parts) > 1 else parts * 2)
    return (channels[0] if channels else None), (height, width)


def _constants(_: click.Context, __: click.Parameter, texts: Sequence[str]) -> Mapping[str, tuple[float, ...] | str]:
    found: dict[str, tuple[float, ...] | str] = {}
    for text in texts:
        name, equals, value = text.partition("=") if text.endswith(".npy") else text.rpartition("=")
        if not equals or not name or not value:
            raise click.BadParameter(f"{text!r} is not NAME=NUMBER or NAME=FILE.npy")
        if name in found:
            raise click.BadParameter(f"{name!r} is given twice")
        found[name] = value if value.endswith(".npy") else numbers(value)
    return found


OPTIONS = (
    click.option("--layers", default="all", show_default=True, callback=_layers, help="Names, separated by commas."),
    click.option(
        "--input",
        "picture",
        callback=_picture,
        help="Channels, height and width that the network is made for, such as 3x224x224.",
    ),
    click.option("--mean", callback=_numbers, help="Normalisation: (scale * picture - mean) / std, picture in [0, 1]."),
    click.option("--std", callback=_numbers, help="See --mean."),
    click.option("--scale", type=float, help="See --mean; 255 for networks that take bytes."),
    click.option(
        "--range", callback=_range, help="Instead of --scale: what [0, 1] becomes before --mean and --std, as -1,1."
    ),
    click.option(
        "--channel-order", type=click.Choice(["RGB", "BGR"]), help="Of the network's input, and of --mean and --std."
    ),
    click.option("--bgr", is_flag=True, help="The same as --channel-order BGR."),
    click.option("--layout", type=click.Choice(["NCHW", "NHWC"]), help="Of an .onnx file's input, if not as guessed."),
    click.option(
        "--preprocessing",
        type=click.Path(path_type=Path),
        help="File that says the above; by default one beside the .onnx file.",
    ),
    click.option(
        "--constant",
        "constants",
        multiple=True,
        callback=_constants,
        help="NAME=NUMBER or NAME=FILE.npy for an input of an .onnx file that is not the picture. Repeatable.",
    ),
)
NAMES = ("picture", "mean", "std", "scale", "range", "channel_order", "bgr", "layout", "preprocessing", "constants")


def network_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a network to a command, which receives ``layers`` and, for all others, ``overrides``."""

    @wraps(command)
    def call(**given: Any) -> None:
        overrides = {name: given.pop(name) for name in NAMES}
        channels, size = overrides.pop("picture")
        if overrides.pop("bgr"):
            overrides["channel_order"] = "BGR"
        command(overrides={**overrides, "channels": channels, "size": size}, **given)

    for option in reversed(OPTIONS):
        call = option(call)
    return call
