"""The server that a command uses: the one that is named, or an engine in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

import click

from reverie._client import Client
from reverie._command.failure import Failure
from reverie._command.group import remedy

F = TypeVar("F", bound=Callable[..., Any])

GROUP = "reverie.local"

OPTIONS = (
    click.option(
        "--server",
        envvar="REVERIE_SERVER",
        show_envvar=True,
        metavar="ADDRESS",
        help="HOST:PORT or unix:/PATH of a server. Without it the pictures are made in this process.",
    ),
    click.option(
        "--token", envvar="REVERIE_TOKEN", show_envvar=True, help="API key for the server, sent as a bearer token."
    ),
    click.option(
        "--tls-ca",
        envvar="REVERIE_TLS_CA",
        show_envvar=True,
        type=click.Path(),
        help="PEM file of authorities to trust, instead of the system's.",
    ),
    click.option(
        "--tls-cert",
        envvar="REVERIE_CLIENT_CERT",
        show_envvar=True,
        type=click.Path(),
        help="PEM file of a certificate of this client's own, where the server asks for one.",
    ),
    click.option(
        "--tls-key",
        envvar="REVERIE_CLIENT_KEY",
        show_envvar=True,
        type=click.Path(),
        help="PEM file of that certificate's private key.",
    ),
    click.option("--insecure", is_flag=True, help="Plaintext to another machine."),
    click.option(
        "--models",
        multiple=True,
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of exported models for this process to use; may be repeated.  [default: the embedded model]",
    ),
)


def server_options(command: F) -> F:
    """Add the options that select the server to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@contextmanager
def connected(
    *,
    server: str | None,
    token: str | None,
    tls_ca: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    insecure: bool,
    models: tuple[Path, ...],
    exact: bool = False,
) -> Iterator[Client]:
    """Yield a client of the named server or, if none is named, of an engine in this process.

    ``exact`` only applies to an engine in this process; a server gets this setting when it is started.
    """
    if server and models:
        raise Failure(f"--models is for making pictures in this process, but the server {server} is named: choose one.")
    if server and exact:
        raise Failure(
            f"--exact is for this process; whether {server} computes exactly, `reverie serve --exact` decides."
        )
    with ExitStack() as stack:
        if server:
            client = Client(
                server, token=token, tls_ca=tls_ca, tls_cert=tls_cert, tls_key=tls_key, insecure=insecure or None
            )
        else:
            client = Client(stack.enter_context(_local(models, exact=exact)))
        yield stack.enter_context(client)


@contextmanager
def _local(models: tuple[Path, ...], *, exact: bool) -> Iterator[str]:
    """Start an engine in this process, by the context manager that an extra declares, and yield its address."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(_serving()(models or None, exact=exact))
        except (ModuleNotFoundError, StopIteration) as error:
            missing = f" ({error.name} is missing)" if isinstance(error, ModuleNotFoundError) else ""
            raise Failure(
                f"No server is named and no engine is installed here{missing}. Name a server with --server HOST:PORT "
                f"or REVERIE_SERVER, or install the engine: {remedy('server')}"
            ) from error
        except Exception as error:  # of a package that is not known here: its message is the most helpful text
            raise Failure(f"The engine in this process cannot start: {error}") from error
        yield address


def _serving() -> Any:
    """Return the function that starts an engine in this process; StopIteration if no extra declares one."""
    return next(iter(entry_points(group=GROUP))).load()
