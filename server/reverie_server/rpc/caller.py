"""The caller of the gRPC call in progress, in a context variable of the call's task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from reverie_server.scheduler.quotas import Account

#: Rights: `read` covers the catalog and pictures that are stored already, `render` covers all other calls.
READ, RENDER = "read", "render"
RIGHTS = (READ, RENDER)


@dataclass(frozen=True)
class Caller:
    """The caller of a call, identified by an API key or a certificate, or else by the host."""

    #: Used in the log, and by the queue that is fair between callers; not a secret.
    name: str = ""
    account: Account | None = None


_caller: ContextVar[Caller] = ContextVar("reverie_caller")
_UNKNOWN = Caller()


def current_caller() -> Caller:
    """Return the caller of the call in progress; its name is empty if none is set."""
    return _caller.get(_UNKNOWN)


def set_caller(caller: Caller) -> None:
    """Set the caller for the rest of the call in progress."""
    _caller.set(caller)


@contextmanager
def charged(pixel_steps: float) -> Iterator[None]:
    """Charge the caller's quota for a render that lasts as long as the block; raise QuotaExceeded if it is used up."""
    account = current_caller().account
    if account is None:
        yield
    else:
        with account.charged(pixel_steps):
            yield


def peer_host(peer: str) -> str:
    """Return the host of a gRPC peer such as ``ipv4:192.0.2.1:43210``: its port differs between connections."""
    kind, _, where = peer.partition(":")
    return where.rpartition(":")[0] if kind in ("ipv4", "ipv6") else kind
