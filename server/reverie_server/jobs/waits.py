"""Which clients' jobs wait, and why: their quota is used up, or their key is not known any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reverie_server.scheduler.quotas import Account, Accounts

#: Seconds between two checks of the clients' keys and quotas, which may have changed.
RECHECK_S = 15.0

UNKNOWN = (
    "the API key that made this job is not known any more: the job goes on when the key is back, and a key with the"
    " right 'admin' may cancel it"
)


class Waits:
    """The reasons why the jobs of some owners wait. Only the runner's thread changes them."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        #: The reason of each owner whose jobs wait, as a sentence.
        self.reasons: Mapping[str, str] = {}
        #: Seconds after which `update` may find something else.
        self.recheck_s = RECHECK_S

    def account(self, owner: str) -> Account | None:
        """Return the account of an owner, or None if it is not known any more."""
        return self.accounts(owner)

    def update(self, owners: Collection[str]) -> bool:
        """Find out which of the owners of open jobs wait now; return whether these are others than before."""
        reasons, recheck_s = {}, RECHECK_S
        for owner in owners:
            account = self.accounts(owner)
            if account is None:
                reasons[owner] = UNKNOWN
            elif fault := account.refusal():
                reasons[owner] = f"{fault.problem}; the job goes on by itself in about {fault.retry_after_s} s"
                recheck_s = min(recheck_s, fault.retry_after_s or recheck_s)
        changed = reasons.keys() != self.reasons.keys()
        self.reasons, self.recheck_s = reasons, recheck_s
        return changed

    def unknown(self, owner: str) -> bool:
        """Return whether the jobs of an owner wait for its key."""
        return self.reasons.get(owner) == UNKNOWN
