"""`reverie render`: render pictures of one or several channels, with progress and optionally an animation of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from reverie_proto.options import channel_of

from reverie import objectives
from reverie._command.channels import is_list, listed
from reverie._command.destination import Destination, Output, check_writable
from reverie._command.failure import Command, Failure
from reverie._command.picture import given_options, picture_options
from reverie._command.render_each import Picture, render_each
from reverie._command.server import connected, server_options
from reverie._options import Priority, StreamOptions
from reverie.pictures import ImageFormat
from reverie.spec import Spec

FORMATS = [str(known) for known in ImageFormat if known is not ImageFormat.RAW]


def position(text: str) -> tuple[int, int]:
    """Parse a text such as "3,4" into a row and a column."""
    match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*", text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not a position: write row and column, such as 3,4")
    return int(match[1]), int(match[2])


# The options that say where the picture is made; all others say which picture.
SERVER = ("server", "token", "tls_ca", "tls_cert", "tls_key", "insecure", "models", "exact")


@click.command(cls=Command)
@click.argument("model")
@click.argument("layer")
@click.argument("channel")
@picture_options
@click.option(
    "--neuron", type=position, metavar="Y,X", help="Excite one position of the layer's grid, not the mean of all."
)
@click.option("--negative", is_flag=True, help="Show what the channel dislikes.")
@click.option("--format", "image_format", type=click.Choice(FORMATS), help="Default: as the suffix of -o says, or png.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Default: MODEL-LAYER-CHANNEL.png here. For several channels a folder, or a name with {channel}.",
)
@click.option(
    "--animate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write an animation from noise to the picture, as .gif or .webp. For several channels with {channel}.",
)
@click.option(
    "--priority",
    type=click.Choice(list(map(str, Priority))),
    help="Among the renders of a server: batch yields to the others.  [default: interactive]",
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Give up a picture after so long."
)
@click.option(
    "--exact", is_flag=True, help="Run the graphs as exported, not the faster ones made of them for this computer."
)
@server_options
def render(
    model: str,
    layer: str,
    channel: str,
    *,
    output: Path | None,
    animate: Path | None,
    image_format: str | None,
    **options: Any,
) -> None:
    """Render the picture that excites a CHANNEL of a LAYER of a MODEL most.

    CHANNEL is a number or, for a classifier's last layer, the label of a class. A list such as 3,5 or 0-15,20, or the
    word all, renders one picture for each of these channels.
    """
    server = {name: options.pop(name) for name in SERVER}
    files = Output(output, animate, image_format)
    files.check_animation()
    position, negative = options["neuron"], options["negative"]
    chosen = given_options(options)
    request: StreamOptions = {}
    if options["priority"]:
        request["priority"] = options["priority"]
    if options["timeout"]:
        request["timeout"] = options["timeout"]

    def planned(destinations: Mapping[int | str, Destination]) -> list[Picture]:
        """Return the pictures of channels, after a check that their files can be written."""
        specs = [Spec(model, _objective(layer, each, position, negative=negative), **chosen) for each in destinations]
        check_writable(destinations.values())
        return [Picture(spec, place, negative) for spec, place in zip(specs, destinations.values(), strict=True)]

    alone = channel_of(channel)
    several = isinstance(alone, str) and is_list(alone)
    pictures = [] if several else planned({alone: files.of_one(model, layer, alone)})
    with connected(**server) as client:
        if several and (channels := listed(client, model, layer, channel)) is not None:
            pictures = planned(files.of_each(model, layer, channels))
        elif several:  # it is the label of a class
            pictures = planned({channel: files.of_one(model, layer, channel)})
        render_each(client, pictures, request)


def _objective(
    layer: str, channel: int | str, position: tuple[int, int] | None, *, negative: bool
) -> objectives.Objective:
    """Build the objective from the arguments. A channel of digits is a number, so use Python for labels of digits."""
    objective: objectives.Objective
    if position is None:
        objective = objectives.objective_of(layer, channel)
    elif isinstance(channel, str):
        raise Failure(f"--neuron needs the number of a channel, not {channel!r}.")
    else:
        objective = objectives.neuron(layer, channel, *position)
    return -objective if negative else objective
