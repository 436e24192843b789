"""`reverie doctor`: checks everything that a server needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from reverie_proto.printable import printable

from reverie_server.process.errors import CommandError
from reverie_server.process.serve_command import configured, settings_options


@click.command(short_help="Check everything that a server needs.")
@settings_options
@click.option(
    "--lowering",
    metavar="MODEL/LAYER",
    help="Print instead how each node of the layer's step program is lowered for the device, or why not.",
)
def doctor(config: Path | None, lowering: str | None, **flags: Any) -> None:
    """Check everything that a server with these options needs, make one step, and report problems.

    The options are those of `reverie serve`. The exit status is 1 if a check fails.
    """
    configuration = configured(config, flags)
    if lowering is not None:
        _explain(configuration.settings, lowering)
        return
    from reverie_server.process.doctor import findings  # loads ONNX Runtime

    failed = False
    for finding in findings(configuration.settings):
        failed |= not finding.ok
        click.echo(printable(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.subject}: {finding.detail}"))
    if failed:
        raise click.exceptions.Exit(1)


def _explain(settings: Any, name: str) -> None:
    from reverie_server.process.lowering_report import report
    from reverie_server.process.main import STARTUP_ERRORS

    try:
        for line in report(settings, name):
            click.echo(printable(line))
    except STARTUP_ERRORS as error:
        raise CommandError(str(error)) from error
