"""Which clients' jobs wait, and why: their quota is used up, or their key is not known any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from reverie_server.errors import QuotaExceeded
from reverie_server.scheduler.quotas import Account, Accounts

#: Seconds between two checks whether the keys of the clients are still known.
RECHECK_S = 15.0

UNKNOWN = (
    "the API key that made this job is not known any more: the job goes on when the key is back, and a key with the"
    " right 'admin' may cancel it"
)


class Waits:
    """The reasons why the jobs of some owners wait. Only the runner's thread changes them."""

    def __init__(self, accounts: Accounts, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.accounts = accounts
        self._clock = clock
        #: When the quota of an owner allows more, and the sentence of its refusal.
        self._refusals: dict[str, tuple[float, str]] = {}
        #: The reason of each owner whose jobs wait.
        self.reasons: Mapping[str, str] = {}

    def account(self, owner: str) -> Account | None:
        """Return the account of an owner, or None if it is not known any more."""
        return self.accounts(owner)

    def refused(self, owner: str, fault: QuotaExceeded) -> None:
        """Note that the quota of an owner is used up."""
        self._refusals[owner] = self._clock() + (fault.retry_after_s or 1), str(fault)

    def update(self, owners: Collection[str]) -> bool:
        """Find out which of the owners of open jobs wait now; return whether a reason has changed."""
        now = self._clock()
        self._refusals = {owner: each for owner, each in self._refusals.items() if each[0] > now}
        before, reasons = self.reasons, {owner: sentence for owner, (_, sentence) in self._refusals.items()}
        self.reasons = reasons | {owner: UNKNOWN for owner in owners if self.accounts(owner) is None}
        return self.reasons != before

    def unknown(self, owner: str) -> bool:
        """Return whether the jobs of an owner wait for its key."""
        return self.reasons.get(owner) == UNKNOWN

    @property
    def recheck_s(self) -> float:
        """The seconds after which `update` may find something else."""
        now = self._clock()
        return min([RECHECK_S, *(max(0.0, until - now) for until, _ in self._refusals.values())])
