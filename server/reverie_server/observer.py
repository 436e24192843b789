"""What happens, told as it happens to whoever measures; the core knows nobody who does."""

from __future__ import annotations


class Observer:
    """Is told what an engine and a server do, from any thread; by itself it does nothing. Seconds are wall time.

    What is merely counted is not told here: `Engine.stats` has it at any time.
    """

    def waited(self, seconds: float) -> None:
        """A render has the device, so long after it was accepted."""

    def stepped(self, seconds: float, batch: int) -> None:
        """One step was made, for so many renders at once."""

    def built(self, seconds: float) -> None:
        """A program was built and loaded."""

    def rendered(self, outcome: str, seconds: float) -> None:
        """A render ended: with its outcome, or "stopped", or "failed"."""

    def called(self, method: str, code: str, seconds: float) -> None:
        """A call ended with the name of a gRPC status code."""

    def calling(self, method: str, change: int) -> None:
        """A call began (1) or ended (-1)."""


NOBODY = Observer()
