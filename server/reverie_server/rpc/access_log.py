"""The access log: writes one line for every call that ended, and reports it to the observer for metrics."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reverie_server.observer import Observer, SafeObserver
from reverie_server.rpc.caller import current_caller
from reverie_server.rpc.interceptor import Call, status_of

log = logging.getLogger("reverie_server.calls")

#: Services that are called so often that their calls are only logged at level DEBUG.
FREQUENT = ("/grpc.health.", "/grpc.reflection.")


class AccessLog:
    """Middleware that logs calls when they have ended, and reports them to an observer."""

    def __init__(self, observer: Observer) -> None:
        self._observer = SafeObserver(observer)

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        """Log one call."""
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
            level = logging.DEBUG if call.method.startswith(FREQUENT) else logging.INFO
            log.log(
                level,
                "%s %s in %.3f s",
                call.method,
                code,
                seconds,
                extra={"method": call.method, "code": code, "client": current_caller().name},
            )
