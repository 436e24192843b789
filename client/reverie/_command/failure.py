"""How commands report failure: one sentence on stderr and an exit code, never a traceback."""

from __future__ import annotations

from typing import Any

import click
from reverie_proto.printable import printable, printable_lines

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


# Where the context of a command counts the pictures that were written.
WRITTEN = "reverie.written"


def count_written() -> None:
    """Count one picture that the running command has written, for the sentence after Ctrl-C."""
    meta = click.get_current_context().meta
    meta[WRITTEN] = meta.get(WRITTEN, 0) + 1


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
        except BrokenPipeError:
            raise  # the reader of a pipe has seen enough, as in `reverie labels MODEL | head`; click ends quietly
        except (ReverieError, OSError) as error:
            raise failure_of(error) from error
        except KeyboardInterrupt:
            click.echo(printable(f"Cancelled: {_written(ctx.meta.get(WRITTEN, 0))}"), err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None


def failure_of(error: ReverieError | OSError) -> Failure:
    """Return the failure to report for an error of the client or of a file."""
    if isinstance(error, OSError):
        return Failure(f"{error.filename or 'A file'}: {error.strerror or error}")
    return ServerFailure(_sentence(error)) if isinstance(error, SERVER_ERRORS) else Failure(_sentence(error))


def _written(count: int) -> str:
    if count == 0:
        return "nothing was written."
    return f"{count} picture{'s were' if count > 1 else ' was'} written before, and stay{'' if count > 1 else 's'}."


def _sentence(error: ReverieError) -> str:
    if isinstance(error, InternalError) and error.incident and error.incident not in error.message:
        return f"{error} (incident {error.incident})"
    return str(error)
