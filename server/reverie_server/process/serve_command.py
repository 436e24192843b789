"""`reverie serve`: serves models over gRPC."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reverie_server.process.errors import CommandError
from reverie_server.process.settings import Setting, table

if TYPE_CHECKING:
    from reverie_server.process.config import Configuration

# No heavy module may be imported here, because `reverie --help` imports this file for one sentence.


def _option(setting: Setting) -> Any:
    if setting.kind is bool:
        return click.option(f"{setting.flag}/--no-{setting.flag[2:]}", setting.name, default=None, help=setting.help)
    shown = None if setting.default in (None, ()) or setting.name == "limits" else setting.default
    return click.option(
        setting.flag,
        setting.name,
        multiple=setting.kind is tuple or setting.name == "limits",
        type=click.Choice(setting.choices) if setting.choices else str,
        metavar=setting.metavar,
        help=setting.help + (f"  [default: {shown}]" if shown is not None else ""),
    )


def settings_options(command: Any) -> Any:
    """Decorate a command with an option for every setting, and `--config`."""
    for setting in reversed(list(table())):
        command = _option(setting)(command)
    return click.option(
        "--config",
        "config",
        envvar="REVERIE_CONFIG",
        show_envvar=True,
        type=click.Path(path_type=Path),
        help="TOML file of settings, each by its option's name with _ for -.",
    )(command)


def configured(config: Path | None, flags: dict[str, Any]) -> Configuration:
    """Return the configuration from options, environment and file; raise CommandError with all errors."""
    from reverie_server.process.config import Misconfigured, configure

    given = {name: value for name, value in flags.items() if value not in (None, ())}
    try:
        return configure(given, os.environ, config)
    except Misconfigured as error:
        raise CommandError(str(error)) from error


@click.command(short_help="Serve models over gRPC.")
@settings_options
@click.option("--print-config", is_flag=True, help="Print the settings as a file, with where each came from, and end.")
def serve(config: Path | None, print_config: bool, **flags: Any) -> None:
    """Serve models over gRPC until SIGTERM or Ctrl-C.

    Prints one line when it is ready. Health (grpc.health.v1) and reflection are served too. Every option can also be
    an environment variable, REVERIE_ and the option's name, or a line of the file; an option wins over a variable, and
    that over the file.
    """
    configuration = configured(config, flags)
    if print_config:
        from reverie_server.process.config import toml

        click.echo(toml(configuration), nl=False)
        return
    from reverie_server.process.main import run  # loads ONNX Runtime

    run(configuration.settings)
