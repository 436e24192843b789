"""The command `reverie`."""

from reverie._command.group import main

__all__ = ["main"]
