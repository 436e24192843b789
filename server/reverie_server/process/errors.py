"""The error with which the server's commands end: a sentence and exit status 2."""

from __future__ import annotations

import click
from reverie_proto.printable import printable_lines


class CommandError(click.ClickException):
    """A command cannot do what the user requested; the message says why, and the exit status is 2."""

    exit_code = 2

    def format_message(self) -> str:
        """Return the message, in which names of models and texts of exceptions cannot control the terminal."""
        return printable_lines(self.message)
