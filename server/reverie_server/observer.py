"""The interface through which an engine and a server report what happens, for metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec

Arguments = ParamSpec("Arguments")

log = logging.getLogger(__name__)


class Observer:
    """Receives what an engine and a server do, in seconds of wall time; this base class ignores it.

    Its methods may be called from any thread. If one raises an exception, the exception is logged and has no other
    effect. Plain counters are not reported here, because `Engine.stats` returns them at any time.
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


class SafeObserver(Observer):
    """Passes everything on to another observer, whose exceptions are logged: a render must not depend on metrics."""

    def __init__(self, observer: Observer) -> None:
        self.waited = _safe(observer.waited)  # type: ignore[method-assign]
        self.foretold = _safe(observer.foretold)  # type: ignore[method-assign]
        self.stepped = _safe(observer.stepped)  # type: ignore[method-assign]
        self.built = _safe(observer.built)  # type: ignore[method-assign]
        self.rendered = _safe(observer.rendered)  # type: ignore[method-assign]
        self.called = _safe(observer.called)  # type: ignore[method-assign]
        self.calling = _safe(observer.calling)  # type: ignore[method-assign]


def _safe(hook: Callable[Arguments, object]) -> Callable[Arguments, None]:
    """Return a function that calls a hook; only the first of its exceptions is logged with a traceback."""
    failed = False

    def call(*arguments: Arguments.args, **named: Arguments.kwargs) -> None:
        nonlocal failed
        try:
            hook(*arguments, **named)
        except (Exception, SystemExit) as error:
            again, failed = failed, True
            log.error("the observer's %s raised %r; it is ignored", _name(hook), error, exc_info=not again)

    return call


def _name(hook: object) -> str:
    return str(getattr(hook, "__name__", hook))
