"""The record of every call: a line in the log, and a word to the observer."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reverie_server.observer import Observer
from reverie_server.rpc import caller as callers
from reverie_server.rpc.interceptor import Call, status_of

log = logging.getLogger("reverie_server.calls")

#: Services whose calls are too many, and too much alike, for the log.
QUIET = ("/grpc.health.", "/grpc.reflection.")


class Record:
    """The layer that tells of calls when they have ended."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        """Tell of one call."""
        begun, code = time.perf_counter(), "OK"
        self._observer.calling(call.method, 1)
        try:
            yield
        except BaseException as error:
            code = status_of(error, call)
            raise
        finally:
            seconds = time.perf_counter() - begun
            self._observer.calling(call.method, -1)
            self._observer.called(call.method, code, seconds)
            level = logging.DEBUG if call.method.startswith(QUIET) else logging.INFO
            log.log(
                level,
                "%s %s in %.3f s",
                call.method,
                code,
                seconds,
                extra={"method": call.method, "code": code, "client": callers.current().name},
            )
