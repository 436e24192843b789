"""The root of the command line: it finds sub-commands where the installed extras declare them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

import click

from reverie._command.failure import Failure

GROUP = "reverie.commands"

# The extra that provides each of these sub-commands. All others are part of the base install.
EXTRAS = {
    "serve": "server",
    "keys": "server",
    "doctor": "server",
    "health": "server",
    "tune": "server",
    "export": "onnx",
    "check": "onnx",
    "atlas": "server",
}

# A package whose presence shows that the extra is installed. find_spec loads nothing, so `reverie --help` stays fast.
PROBES = {"server": "onnxruntime", "onnx": "onnxscript"}

# What more a command can do with another extra.
MORE = {"export": ("networks of torch", "export")}

# The variable by which ONNX Runtime is told to send nothing.
TELEMETRY = "ORT_DISABLE_TELEMETRY"

# The order in which a new user needs them; others follow by name.
ORDER = (
    "render",
    "models",
    "layers",
    "labels",
    "presets",
    "agree",
    "jobs",
    "serve",
    "keys",
    "health",
    "doctor",
    "tune",
    "export",
    "check",
)


class Commands(click.Group):
    """A command group whose members are entry points, each loaded on first use."""

    def __init__(self, *args: Any, found: Mapping[str, EntryPoint] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._found = found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all sub-commands, including those whose extra is not installed."""
        names = set(self._entry_points())
        return [name for name in ORDER if name in names] + sorted(names - set(ORDER))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the sub-command or, if its packages are missing, a command that says what to install."""
        entry = self._entry_points().get(name)
        if entry is None:
            return _absent(name, f"reverie {name} is not installed") if name in EXTRAS else None
        probe = PROBES[EXTRAS[name]] if name in EXTRAS else None
        if probe and find_spec(probe) is None:
            return _absent(name, _missing(name, probe))
        try:
            command = entry.load()
        except ModuleNotFoundError as error:
            return _absent(name, _missing(name, error.name))
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command; if no sub-command has that name, fail with a list of those that exist."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise Failure(f"There is no command {name!r}. There are: {', '.join(self.list_commands(ctx))}.")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the sub-command; if it finds during the run that a package is missing, say what to install."""
        try:
            with _telemetry_off():
                return super().invoke(ctx)
        except ModuleNotFoundError as error:
            name = ctx.invoked_subcommand or ""
            raise Failure(f"{_missing(name, error.name)}: {_how(name)}") from error

    def _entry_points(self) -> Mapping[str, EntryPoint]:
        if self._found is None:
            self._found = {entry.name: entry for entry in entry_points(group=GROUP)}
        return self._found


@contextmanager
def _telemetry_off() -> Iterator[None]:
    """Keep ONNX Runtime's telemetry off in this process and its children, whichever package imports it.

    A value that the user has set stays.
    """
    before = os.environ.get(TELEMETRY)
    if not before:
        os.environ[TELEMETRY] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[TELEMETRY]
        else:
            os.environ[TELEMETRY] = before


def remedy(extra: str) -> str:
    """Return the shell command that installs an extra."""
    return f'pip install "reverie[{extra}]"'


def _missing(name: str, package: str | None) -> str:
    return f"reverie {name} needs the package {package}, which is not installed"


def _how(name: str) -> str:
    if name not in EXTRAS:
        return "reinstall reverie"
    what, extra = MORE.get(name, ("", ""))
    return f"install what it needs with: {remedy(EXTRAS[name])}" + (f", for {what}: {remedy(extra)}" if extra else "")


def _absent(name: str, fact: str) -> click.Command:
    """Return a command that accepts any arguments and fails with the reason why it cannot run."""

    def fail() -> None:
        raise Failure(f"{fact}: {_how(name)}")

    return click.Command(
        name,
        callback=fail,
        short_help=f"(not installed: {remedy(EXTRAS[name])})" if name in EXTRAS else "(not installed)",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="reverie", message="%(prog)s %(version)s")
def main() -> None:
    """See what a neural network sees: pictures that excite its layers and channels, by gradient ascent."""
