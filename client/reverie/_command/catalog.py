"""`reverie models`, `reverie layers` and `reverie labels`: lists of what can be rendered."""

from __future__ import annotations

from typing import Any

import click
from reverie_proto.printable import printable
from reverie_proto.sizes import accepted

from reverie._command.failure import Command, Failure
from reverie._command.server import connected, server_options
from reverie._command.table import print_table


@click.command(cls=Command)
@server_options
def models(**server: Any) -> None:
    """List the models that are served."""
    with connected(**server) as client:
        found = client.models()
    print_table(
        ("MODEL", "LAYERS", "CLASSES", "SIZE", "DIGEST", "DESCRIPTION"),
        [
            (
                model.name,
                str(model.layer_count),
                str(len(model.labels) or "-"),
                _size(model.native_size) if model.native_size else "-",
                model.digest[:12],
                f"broken: {model.problem}" if model.problem else model.description,
            )
            for model in found
        ],
        numbers=("LAYERS", "CLASSES", "SIZE"),
    )


@click.command(cls=Command)
@click.argument("model")
@click.option("--recommended", is_flag=True, help="Only the layers that usually give good pictures.")
@server_options
def layers(model: str, *, recommended: bool, **server: Any) -> None:
    """List the layers of MODEL, from the input picture to the output.

    KIND is what the layer computes. GOOD has a * for the layers that usually give good pictures.

    STRIDE is the distance in pixels between neighbouring positions, FIELD the pixels that one position sees, SIZES the
    sizes of pictures that the layer takes. Of two numbers the first is the height; one number stands for both.
    """
    with connected(**server) as client:
        found = [layer for layer in client.layers(model) if layer.recommended or not recommended]
    if recommended and not found:
        raise Failure(f"The export of {model} did not say which layers to recommend: leave out --recommended.")
    print_table(
        ("LAYER", "KIND", "GOOD", "OPERATOR", "CHANNELS", "STRIDE", "FIELD", "SIZES", "ALIASES"),
        [
            (
                layer.name,
                layer.kind or "-",
                "*" if layer.recommended else "-",
                layer.operator,
                str(layer.channels),
                _size(layer.stride) if layer.stride else "-",
                _size(layer.receptive_field),
                accepted(layer.min_size, layer.size_multiple, layer.fixed_size or (0, 0)),
                ", ".join(layer.aliases),
            )
            for layer in found
        ],
        numbers=("CHANNELS", "STRIDE", "FIELD"),
    )


@click.command(cls=Command)
@click.argument("model")
@server_options
def labels(model: str, **server: Any) -> None:
    """List the class labels of MODEL: on each line a number, a tab and the label.

    The numbers are the channels of the model's last layer. `reverie render` takes a label in place of a channel.
    """
    with connected(**server) as client:
        models = {known.name: known for known in client.models()}
        if model not in models:
            client.layers(model)  # which says what is there instead
            raise Failure(f"{model} is not in the list of models.")
    if not models[model].labels:
        raise Failure(f"{model} has no class labels: its channels have numbers only.")
    for line in (f"{number}\t{printable(label)}" for number, label in enumerate(models[model].labels)):
        click.echo(line)


def _size(size: tuple[int, int]) -> str:
    """Return height and width, or one number if they are equal; 0 stands for all of the picture."""
    height, width = (str(side or "all") for side in size)
    return height if height == width else f"{height} x {width}"
