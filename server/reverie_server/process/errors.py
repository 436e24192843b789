"""The error with which the server's commands end: a sentence and exit status 2."""

from __future__ import annotations

import click


class CommandError(click.ClickException):
    """A command cannot do what the user requested; the message says why, and the exit status is 2."""

    exit_code = 2
