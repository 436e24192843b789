"""`reverie presets`: the presets and the sets of transforms of a server."""

from __future__ import annotations

from typing import Any

import click

from reverie._command.failure import Command
from reverie._command.server import connected, server_options
from reverie._command.table import print_table


@click.command(cls=Command)
@server_options
def presets(**server: Any) -> None:
    """List the presets, which supply what a command leaves out, and the sets of transforms."""
    with connected(**server) as client:
        info = client.server_info()
    print_table(
        ("PRESET", "STEPS", "VIEWS", "PARAMETRIZATION", "OPTIMIZER", "DESCRIPTION"),
        [
            (
                preset.name,
                str(preset.steps),
                str(preset.options.get("views", 1)),
                getattr(preset.options.get("parametrization"), "kind", "-"),
                getattr(preset.options.get("optimizer"), "kind", "-"),
                preset.description,
            )
            for preset in info.presets
        ],
        numbers=("STEPS", "VIEWS"),
    )
    click.echo("")
    print_table(
        ("TRANSFORMS", "DESCRIPTION"), [(each.name, each.description) for each in info.transform_sets], numbers=()
    )
