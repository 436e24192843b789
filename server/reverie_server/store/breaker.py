"""A circuit breaker: after a failure an operation is not tried for some seconds, and the failure is logged once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock

log = logging.getLogger(__name__)

PAUSE_S = 15.0


class Breaker:
    """A circuit breaker; `what` describes its failure in the log."""

    def __init__(self, what: str, *, pause_s: float = PAUSE_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._pause_s = pause_s
        self._clock = clock
        self._lock = Lock()
        self._since: float | None = None
        #: The last failure, as a text without secrets for clients; empty after a success.
        self.problem = ""

    def closed(self) -> bool:
        """Return whether the operation may be tried: always, except for some seconds after a failure."""
        with self._lock:
            return self._since is None or self._clock() - self._since >= self._pause_s

    def failed(self, error: BaseException) -> None:
        """Record a failure."""
        problem = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        with self._lock:
            changed = problem != self.problem
            self._since, self.problem = self._clock(), problem
        if changed:
            log.error("%s (%s); going on without it, trying again every %g s", self._what, error, self._pause_s)

    def worked(self) -> None:
        """Record a success."""
        with self._lock:
            ended = self._since is not None
            self._since, self.problem = None, ""
        if ended:
            log.warning("no longer: %s", self._what)
