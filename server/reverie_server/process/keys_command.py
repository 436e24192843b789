"""`reverie keys`: creates, lists and revokes API keys in the file that a server reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from reverie_proto.printable import printable

from reverie_server.process.errors import CommandError
from reverie_server.rpc.caller import RIGHTS
from reverie_server.scheduler.quotas import Quota

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.option(
    "--keys",
    "path",
    envvar="REVERIE_KEYS",
    show_envvar=True,
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file of keys, which `reverie serve --keys` reads. Only hashes are kept in it.",
)


class _Command(click.Command):
    """A command that ends with a sentence and exit status 2 if the file of keys cannot be used."""

    def invoke(self, ctx: click.Context) -> Any:
        from reverie_server.rpc.api_keys import UnusableKeys

        try:
            return super().invoke(ctx)
        except UnusableKeys as error:
            raise CommandError(str(error)) from error


@click.group(short_help="Make, list and revoke API keys.")
def keys() -> None:
    """Make, list and revoke the API keys of a server.

    A running server takes a changed file at the next call; nothing needs a restart.
    """


@keys.command(cls=_Command)
@click.argument("name")
@FILE
@click.option("--rights", default="read,render", show_default=True, help=f"Of {', '.join(RIGHTS)}, comma-separated.")
@click.option("--renders", type=int, help="Most renders in progress at once. Default: no bound.")
@click.option("--pixel-steps", type=float, help="Most pixels times steps a minute. Default: no bound.")
def create(name: str, path: Path, rights: str, renders: int | None, pixel_steps: float | None) -> None:
    """Make a key for NAME and print it: this is the only time that it can be read."""
    from reverie_server.rpc.api_keys import new_key, read, write

    known = read(path) if path.exists() else ()
    if taken := [key.id for key in known if key.name == name]:
        raise CommandError(
            f"{path} has a key named {name!r}, {taken[0]}: choose another name, or revoke it first with "
            f"`reverie keys revoke {taken[0]}`"
        )
    chosen = [right.strip() for right in rights.split(",") if right.strip()]
    text, key = new_key(name, rights=chosen, quota=Quota(renders, pixel_steps))
    write(path, [*known, key])
    click.echo(text)


@keys.command("list", cls=_Command)
@FILE
def list_keys(path: Path) -> None:
    """List the entries of the keys, which do not contain the keys themselves."""
    from reverie_server.rpc.api_keys import read_entries

    for key in read_entries(path):
        bounds = [] if key.renders is None else [f"renders={key.renders}"]
        bounds += [] if key.pixel_steps_per_minute is None else [f"pixel-steps={key.pixel_steps_per_minute:g}"]
        click.echo(printable("  ".join([key.id, key.created, key.name, ",".join(key.rights), *bounds])))


@keys.command(cls=_Command)
@click.argument("key_id", metavar="ID")
@FILE
def revoke(key_id: str, path: Path) -> None:
    """Revoke the key with this ID, as `list` shows it."""
    from reverie_server.rpc.api_keys import read_entries, write

    known = read_entries(path)
    remaining = [key for key in known if key.id != key_id]
    if len(remaining) == len(known):
        raise CommandError(
            f"there is no key {key_id!r} in {path}; there are {', '.join(key.id for key in known) or 'none'}"
        )
    write(path, remaining)
