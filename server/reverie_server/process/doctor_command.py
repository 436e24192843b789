"""`reverie doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reverie_server.process.serve_command import Refused, configured, settings_options


@click.command(short_help="Say what is here, what works, and what is wrong.")
@settings_options
@click.option(
    "--lowering",
    metavar="MODEL/LAYER",
    help="Say instead, for each node of the layer's step program, how it is lowered for the device or why not.",
)
def doctor(config: Path | None, lowering: str | None, **flags: Any) -> None:
    """Look at what a server with these options would need, make one step, and say in plain words what is wrong.

    The options are those of `reverie serve`. Exit status 1 where something is wrong.
    """
    told = configured(config, flags)
    if lowering is not None:
        _explain(told.settings, lowering)
        return
    from reverie_server.process.doctor import findings  # loads ONNX Runtime

    sick = False
    for finding in findings(told.settings):
        sick |= not finding.well
        click.echo(f"{'ok   ' if finding.well else 'WRONG'}  {finding.what}: {finding.said}")
    if sick:
        raise click.exceptions.Exit(1)


def _explain(settings: Any, name: str) -> None:
    from reverie_server.process.lowering_report import report
    from reverie_server.process.main import REFUSALS

    try:
        for line in report(settings, name):
            click.echo(line)
    except REFUSALS as error:
        raise Refused(str(error)) from error
