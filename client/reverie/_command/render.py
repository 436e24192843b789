"""`reverie render`: render pictures of one or several channels, with progress and optionally an animation of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from reverie_proto.options import channel_of

from reverie._command.channels import is_list, listed, listed_seeds
from reverie._command.destination import Destination, Output, check_writable
from reverie._command.failure import Command, Failure
from reverie._command.goal import Goal, goal_options
from reverie._command.picture import given_options, picture_options
from reverie._command.render_each import Picture, render_each
from reverie._command.server import connected, server_options
from reverie._options import Priority, StreamOptions
from reverie.pictures import ImageFormat
from reverie.spec import Spec

FORMATS = [str(known) for known in ImageFormat if known is not ImageFormat.RAW]

# The options that say where the picture is made; all others say which picture.
SERVER = ("server", "token", "tls_ca", "tls_cert", "tls_key", "insecure", "models", "exact")

#: What the files of pictures without a channel are called instead.
WITHOUT_CHANNEL = {"layer_squares": "squares", "direction": "direction", "cosine": "cosine"}


@click.command(cls=Command)
@click.argument("model", required=False)
@click.argument("layer", required=False)
@click.argument("channel", required=False)
@picture_options
@goal_options
@click.option("--seeds", metavar="LIST", help="Render a picture for each of these seeds, such as 0-3.")
@click.option(
    "--recipe",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Render the spec in a .json file, or the one that a PNG of Reverie carries; other options change it.",
)
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
    "--importance", "importance_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Also write the picture, opaque where its pixels mattered most, as .png.",
)  # fmt: skip
@click.option("--robustness", is_flag=True, help="Also measure the activation under 64 draws of the transforms.")
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
    model: str | None,
    layer: str | None,
    channel: str | None,
    *,
    output: Path | None,
    animate: Path | None,
    image_format: str | None,
    recipe: Path | None,
    seeds: str | None,
    importance_file: Path | None,
    **options: Any,
) -> None:
    """Render the picture that excites a CHANNEL of a LAYER of a MODEL most.

    CHANNEL is a number or, for a classifier's last layer, the label of a class. A list such as 3,5 or 0-15,20, or the
    word all, renders one picture for each of these channels.
    """
    server = {name: options.pop(name) for name in SERVER}
    files = Output(output, animate, image_format)
    files.check_animation()
    if importance_file is not None and importance_file.suffix.lower() != ".png":
        raise Failure(f"--importance {importance_file} does not end in .png.")
    goal = Goal(**{name: options.pop(name) for name in Goal.__dataclass_fields__})
    goal.check()
    chosen: dict[str, Any] = dict(given_options(options | {"importance": importance_file is not None}))
    if goal.diversity is not None:
        chosen["pictures"] = goal.diversity
    request: StreamOptions = {}
    if options["priority"]:
        request["priority"] = options["priority"]
    if options["timeout"]:
        request["timeout"] = options["timeout"]
    numbers = listed_seeds(seeds)

    def several_seeds(pictures: list[Picture]) -> list[Picture]:
        """Return a picture for each seed, after a check that the files can be written."""
        made = [each.with_importance(importance_file) for each in pictures]
        if numbers is not None:
            made = [each.with_seed(seed) for each in made for seed in numbers]
        for each in made:
            if each.spec.alpha and each.files.format is ImageFormat.JPEG:
                raise Failure(f"{each.files.picture} would be a JPEG, which has no opacity: write a .png or .webp.")
        importances = (Destination(each.importance, ImageFormat.PNG, None) for each in made if each.importance)
        check_writable([*(each.files for each in made), *importances])
        return made

    def planned(destinations: Mapping[int | str, Destination]) -> list[Picture]:
        """Return the pictures of channels."""
        assert model is not None
        assert layer is not None
        pictures = []
        for each, place in destinations.items():
            spec = Spec(model, goal.objective(layer, each if goal.needs_channel else None), **chosen)
            pictures.append(Picture(spec, place, goal.negative))
        return several_seeds(pictures)

    if channel is not None and not goal.needs_channel:
        raise Failure(f"CHANNEL {channel!r} has no meaning here: leave it out.")
    if recipe is not None:
        if layer is None and goal != Goal():
            raise Failure("What a recipe excites is replaced as a whole: name MODEL and LAYER, too.")
        spec = replace(_read_recipe(recipe), **chosen)
        if model is not None:
            spec = replace(spec, model=model, model_digest=None)
        if layer is not None:
            if channel is None and goal.needs_channel:
                raise Failure("CHANNEL is missing: with LAYER it replaces what the recipe excites.")
            spec = replace(spec, objective=goal.objective(layer, None if channel is None else channel_of(channel)))
        place = files.of_one(spec.model, recipe.stem, "again")
        with connected(**server) as client:
            render_each(client, several_seeds([Picture(spec, place, goal.negative)]), request)
        return
    if model is None or layer is None or (channel is None and goal.needs_channel):
        missing = "MODEL" if model is None else "LAYER" if layer is None else "CHANNEL"
        raise click.UsageError(f"Missing argument '{missing}'.")
    alone = channel_of(channel or next(word for name, word in WITHOUT_CHANNEL.items() if getattr(goal, name)))
    several = goal.needs_channel and isinstance(alone, str) and is_list(alone)
    pictures = [] if several else planned({alone: files.of_one(model, layer, alone)})
    with connected(**server) as client:
        if several and (channels := listed(client, model, layer, channel or "")) is not None:
            pictures = planned(files.of_each(model, layer, channels))
        elif several:  # it is the label of a class
            pictures = planned({channel or "": files.of_one(model, layer, channel or "")})
        render_each(client, pictures, request)


def _read_recipe(path: Path) -> Spec:
    """Return the spec in a JSON file, or the one that a picture carries."""
    try:
        return Spec.of_picture(path) if path.suffix.lower() == ".png" else Spec.from_json(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read: {error}") from error
