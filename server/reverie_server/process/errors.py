"""How a command of the server's package fails: with a sentence, and an exit status of its own."""

from __future__ import annotations

import click


class CommandError(click.ClickException):
    """What the user asked for cannot be done; the message says why. The exit status is 2."""

    exit_code = 2
