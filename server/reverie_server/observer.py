"""The interface through which an engine and a server report what happens, for metrics."""

from __future__ import annotations


class Observer:
    """Receives what an engine and a server do, in seconds of wall time; this base class ignores it.

    Its methods may be called from any thread. Plain counters are not reported here, because `Engine.stats` returns
    them at any time.
    """

    def waited(self, seconds: float) -> None:
        """A render began this long after it was accepted."""

    def foretold(self, foretold_s: float, taken_s: float) -> None:
        """A render took this long from its acceptance to its end, and so long was foretold when it was accepted."""

    def stepped(self, seconds: float, batch: int) -> None:
        """One step was made, for a batch of renders."""

    def built(self, seconds: float) -> None:
        """A program was built and loaded."""

    def rendered(self, outcome: str, seconds: float) -> None:
        """A render ended; `outcome` is that of the picture, or "stopped", or "failed"."""

    def called(self, method: str, code: str, seconds: float) -> None:
        """A call ended; `code` is the name of its gRPC status."""

    def calling(self, method: str, change: int) -> None:
        """The number of open calls changed: by 1 or by -1."""


#: Ignores everything.
NO_OBSERVER = Observer()
