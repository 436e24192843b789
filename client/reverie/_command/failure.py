"""How commands report failure: one sentence on stderr and an exit code, never a traceback."""

from __future__ import annotations

from typing import Any

import click
from reverie_proto.printable import printable_lines

from reverie.errors import (
    Cancelled,
    DeadlineExceeded,
    InternalError,
    ResourceExhausted,
    ReverieError,
    Unavailable,
)

# Failures that the user cannot fix: the server has to, or a later try may succeed.
SERVER_ERRORS = (Cancelled, DeadlineExceeded, InternalError, ResourceExhausted, Unavailable)

# 128 + SIGINT, the shells' convention.
INTERRUPTED = 130


class Failure(click.ClickException):
    """A failure that the user can fix, with the sentence to print."""

    exit_code = 2

    def format_message(self) -> str:
        """Return the sentence, in which names and messages of a server cannot control the terminal."""
        return printable_lines(self.message)


class ServerFailure(Failure):
    """A failure that the user cannot fix, with the sentence to print."""

    exit_code = 1


class Command(click.Command):
    """A command that turns ReverieError, OSError and Ctrl-C into a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ReverieError as error:
            kind = ServerFailure if isinstance(error, SERVER_ERRORS) else Failure
            raise kind(_sentence(error)) from error
        except BrokenPipeError:
            raise  # the reader of a pipe has seen enough, as in `reverie labels MODEL | head`; click ends quietly
        except OSError as error:
            raise Failure(f"{error.filename or 'A file'}: {error.strerror or error}") from error
        except KeyboardInterrupt:
            click.echo("Cancelled: nothing was written.", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None


def _sentence(error: ReverieError) -> str:
    if isinstance(error, InternalError) and error.incident and error.incident not in error.message:
        return f"{error} (incident {error.incident})"
    return str(error)
