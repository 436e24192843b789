"""Who a call comes from, for all that is done for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from reverie_server.rpc.quotas import Account

#: Rights: `read` the catalog and what is made already; `render` all of it.
READ, RENDER = "read", "render"
RIGHTS = (READ, RENDER)


@dataclass(frozen=True)
class Caller:
    """Somebody who calls: known by an API key or a certificate, or else by the machine."""

    #: What the log, and the queue that is fair between callers, know them by; no secret.
    name: str = ""
    account: Account | None = None


_caller: ContextVar[Caller] = ContextVar("reverie_caller")
_NOBODY = Caller()


def current() -> Caller:
    """Return who the call in progress comes from; nobody, with an empty name, where nothing tells."""
    return _caller.get(_NOBODY)


def become(caller: Caller) -> None:
    """Let the rest of this call, which has a task of its own, be `caller`'s."""
    _caller.set(caller)


@contextmanager
def charged(pixel_steps: float) -> Iterator[None]:
    """Let the caller pay for a render that lasts as long as the block; or raise QuotaExceeded."""
    account = current().account
    if account is None:
        yield
    else:
        with account.charged(pixel_steps):
            yield


def machine(peer: str) -> str:
    """Return the machine of a gRPC peer such as ``ipv4:192.0.2.1:43210``; its port is new for each connection."""
    kind, _, where = peer.partition(":")
    return where.rpartition(":")[0] if kind in ("ipv4", "ipv6") else kind
