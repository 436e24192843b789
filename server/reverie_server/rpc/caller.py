"""The caller of the gRPC call in progress, in a context variable of the call's task."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from reverie_server.scheduler.quotas import EVERYBODY, Account

#: Rights: `read` covers the catalog and pictures that are stored already, `render` all other calls. `admin` covers
#: both, and the jobs of all clients.
READ, RENDER, ADMIN = "read", "render", "admin"
RIGHTS = (READ, RENDER, ADMIN)


@dataclass(frozen=True)
class Caller:
    """The caller of a call, identified by an API key or a certificate, or else by the host."""

    #: Used in the log; not a secret.
    name: str = ""
    #: What it has used of its quota. The account's owner owns the caller's jobs and request ids.
    account: Account = EVERYBODY
    #: Whether it may see, watch and cancel the jobs of all owners.
    admin: bool = True

    @property
    def scope(self) -> str | None:
        """The owner whose jobs the caller may see; None for those of all owners."""
        return None if self.admin else self.account.owner


_caller: ContextVar[Caller] = ContextVar("reverie_caller")
_UNKNOWN = Caller()


def current_caller() -> Caller:
    """Return the caller of the call in progress; if none is set, one with every right and without a name."""
    return _caller.get(_UNKNOWN)


def set_caller(caller: Caller) -> None:
    """Set the caller for the rest of the call in progress."""
    _caller.set(caller)


def peer_host(peer: str) -> str:
    """Return the host of a gRPC peer such as ``ipv4:192.0.2.1:43210``: its port differs between connections."""
    kind, _, where = peer.partition(":")
    return where.rpartition(":")[0] if kind in ("ipv4", "ipv6") else kind
