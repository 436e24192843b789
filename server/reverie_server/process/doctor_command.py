"""`reverie doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reverie_server.process.serve_command import configured, settings_options


@click.command(short_help="Say what is here, what works, and what is wrong.")
@settings_options
def doctor(config: Path | None, **flags: Any) -> None:
    """Look at what a server with these options would need, make one step, and say in plain words what is wrong.

    The options are those of `reverie serve`. Exit status 1 where something is wrong.
    """
    told = configured(config, flags)
    from reverie_server.process.doctor import findings  # loads ONNX Runtime

    sick = False
    for finding in findings(told.settings):
        sick |= not finding.well
        click.echo(f"{'ok   ' if finding.well else 'WRONG'}  {finding.what}: {finding.said}")
    if sick:
        raise click.exceptions.Exit(1)
