"""How commands end that do not succeed: one sentence on stderr and an exit code, never a traceback."""

from __future__ import annotations

from typing import Any

import click

from reverie.errors import (
    Cancelled,
    DeadlineExceeded,
    InternalError,
    ResourceExhausted,
    ReverieError,
    Unavailable,
)

# What only the server or time can mend.
SERVER_ERRORS = (Cancelled, DeadlineExceeded, InternalError, ResourceExhausted, Unavailable)

# 128 + SIGINT, as shells have it.
INTERRUPTED = 130


class Failure(click.ClickException):
    """A sentence about what the user can mend."""

    exit_code = 2


class ServerFailure(Failure):
    """A sentence about what the user cannot mend."""

    exit_code = 1


class Command(click.Command):
    """A command whose errors of ours, files and Ctrl-C become a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ReverieError as error:
            kind = ServerFailure if isinstance(error, SERVER_ERRORS) else Failure
            raise kind(_told(error)) from error
        except OSError as error:
            raise Failure(f"{error.filename or 'A file'}: {error.strerror or error}") from error
        except KeyboardInterrupt:
            click.echo("Cancelled: nothing was written.", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None


def _told(error: ReverieError) -> str:
    if isinstance(error, InternalError) and error.incident and error.incident not in error.message:
        return f"{error} (incident {error.incident})"
    return str(error)
