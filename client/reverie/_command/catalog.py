"""`reverie models` and `reverie layers`: lists of what can be rendered."""

from __future__ import annotations

from typing import Any

import click

from reverie._command.failure import Command
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
                str(model.native_size_px or "-"),
                model.digest[:12],
                f"broken: {model.problem}" if model.problem else model.description,
            )
            for model in found
        ],
        numbers=("LAYERS", "CLASSES", "SIZE"),
    )


@click.command(cls=Command)
@click.argument("model")
@server_options
def layers(model: str, **server: Any) -> None:
    """List the layers of MODEL, from the input picture to the output.

    STRIDE is the distance in pixels between neighbouring positions, FIELD the side of the square of pixels that one
    position sees, SMALLEST the smallest picture that the layer works on.
    """
    with connected(**server) as client:
        found = client.layers(model)
    print_table(
        ("LAYER", "OPERATOR", "CHANNELS", "STRIDE", "FIELD", "SMALLEST", "ALIASES"),
        [
            (
                layer.name,
                layer.operator,
                str(layer.channels),
                str(layer.stride_px or "-"),
                str(layer.receptive_field_px or "all"),
                str(layer.min_size_px) + (f" x {layer.size_multiple_px}" if layer.size_multiple_px > 1 else ""),
                ", ".join(layer.aliases),
            )
            for layer in found
        ],
        numbers=("CHANNELS", "STRIDE", "FIELD"),
    )
