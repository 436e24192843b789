"""`reverie render`: render one picture, with progress and optionally an animation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from reverie_proto.files import write_atomically
from reverie_proto.printable import printable

from reverie import objectives
from reverie._client import Client
from reverie._command.bar import progress_bar
from reverie._command.failure import Command, Failure
from reverie._command.picture import given_options, picture_options
from reverie._command.server import connected, server_options
from reverie._files import try_to_write
from reverie._options import Priority, StreamOptions
from reverie.animation import WRITERS, animated, schedule
from reverie.pictures import SUFFIXES, Accepted, Frame, ImageFormat, Outcome, Progress, Rendering
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
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: MODEL-LAYER-CHANNEL.png here."
)
@click.option(
    "--animate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write an animation from noise to the picture, as .gif or .webp.",
)
@click.option(
    "--priority",
    type=click.Choice(list(map(str, Priority))),
    help="Among the renders of a server: batch yields to the others.  [default: interactive]",
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Give up after so long."
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

    CHANNEL is a number or, for a classifier's last layer, the label of a class.
    """
    server = {name: options.pop(name) for name in SERVER}
    output, chosen = _destination(output, image_format, f"{model}-{layer}-{channel}")
    if animate and animate.suffix.lower() not in WRITERS:
        raise Failure(f"{animate} does not end in one of {', '.join(WRITERS)}.")
    for path in filter(None, (output, animate)):
        try_to_write(path)
    negative = options["negative"]
    objective = _objective(layer, channel, options["neuron"], negative=negative)
    spec = Spec(model, objective, **given_options(options))
    request: StreamOptions = {"spec": spec, "format": chosen}
    if options["priority"]:
        request["priority"] = options["priority"]
    if options["timeout"]:
        request["timeout"] = options["timeout"]

    with connected(**server) as client, progress_bar(f"{model} {objective}") as show:
        if animate:
            # The frames to request depend on the number of steps, so the default is resolved here.
            steps = _default_steps(client, spec.preset) if spec.steps is None else spec.steps
            request["spec"] = replace(spec, steps=steps)
            request["frames_at"] = schedule(steps or 0)
        rendering, frames = _follow(client, request, show)
        moving = animated([frame.image for frame in frames], animate.suffix) if animate else b""

    write_atomically(output, rendering.encoded(chosen))
    took = "from the store" if rendering.cached else f"{rendering.elapsed_s:.1f} s"
    # The objective of --negative is minus the activation.
    activation = -rendering.activation if negative else rendering.activation
    click.echo(printable(f"{output}  activation {activation:.4g}, {rendering.steps} steps, {took}"))
    if animate:
        write_atomically(animate, moving)
        click.echo(printable(f"{animate}  {len(frames)} frames"))
    if rendering.outcome is not Outcome.CONVERGED:
        click.echo(printable(f"Note: {rendering.outcome_detail}"), err=True)


def _destination(output: Path | None, image_format: str | None, name: str) -> tuple[Path, ImageFormat]:
    """Return the path of the picture and its format."""
    if output is None:
        chosen = ImageFormat(image_format or ImageFormat.PNG)
        return Path(re.sub(r"[^A-Za-z0-9._-]+", "_", name) + f".{chosen}"), chosen
    by_suffix = SUFFIXES.get(output.suffix.lower())
    if image_format is None and by_suffix is None:
        raise Failure(f"{output} does not end in one of {', '.join(SUFFIXES)}; say which it is with --format.")
    if image_format is not None and by_suffix not in (None, ImageFormat(image_format)):
        raise Failure(f"{output} and --format {image_format} contradict each other.")
    return output, ImageFormat(image_format) if image_format else by_suffix or ImageFormat.PNG


def _objective(layer: str, channel: str, position: tuple[int, int] | None, *, negative: bool) -> objectives.Objective:
    """Build the objective from the arguments. A channel of digits is a number, so use Python for labels of digits."""
    number = int(channel) if re.fullmatch(r"-?\d+", channel) else None
    objective: objectives.Objective
    if position is None:
        objective = objectives.objective_of(layer, channel if number is None else number)
    elif number is None:
        raise Failure(f"--neuron needs the number of a channel, not {channel!r}.")
    else:
        objective = objectives.neuron(layer, number, *position)
    return -objective if negative else objective


def _default_steps(client: Client, preset: str | None) -> int | None:
    """Return the steps of a preset (None: the server's first, its default), or None if the server does not have it."""
    presets = client.server_info().presets
    return next((known.steps for known in presets if preset in (None, known.name)), None)


def _follow(
    client: Client, request: StreamOptions, show: Callable[[Accepted | Progress], None]
) -> tuple[Rendering, list[Frame]]:
    frames = []
    for event in client.stream(**request):
        if isinstance(event, Accepted | Progress):
            show(event)
        if isinstance(event, Progress) and event.frame:
            frames.append(event.frame)
    assert isinstance(event, Rendering)
    return event, frames
