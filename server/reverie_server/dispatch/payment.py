"""Decides which of a render's callers pays for it: each step that is computed is charged once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reverie_server.dispatch.subscription import Subscription
from reverie_server.errors import QuotaExceeded
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.quotas import Account, Reservation


class Payment:
    """The reservation for one render; `made` returns how many of its steps are made. The dispatcher's lock guards it.

    The first caller whose quota allows it pays. If it leaves before the others, one of them pays for the steps that
    are still to come.
    """

    def __init__(self, request: RenderRequest, made: Callable[[], int]) -> None:
        self._per_step = request.pixel_steps / request.recipe.all_steps
        self._steps, self._made = request.recipe.all_steps, made
        self._reservation: Reservation | None = None
        #: The step from which on the present reservation pays.
        self._since = 0

    def begin(self, callers: Sequence[Subscription]) -> dict[Account, QuotaExceeded]:
        """Reserve the cost of the render, unless that is done; if no caller may, return the refusal of each account."""
        refused: dict[Account, QuotaExceeded] = {}
        for caller in callers if self._reservation is None else ():
            if caller.account in refused:
                continue
            try:
                self._reserve(caller, must=False)
            except QuotaExceeded as fault:
                refused[caller.account] = fault
            else:
                return {}
        return refused

    def left(self, callers: Sequence[Subscription]) -> None:
        """Let another caller pay if the one that paid has left; `callers` are those that stay."""
        reservation = self._reservation
        if reservation is not None and callers and all(each.account is not reservation.account for each in callers):
            self.end()
            self._reserve(callers[0], must=True)

    def end(self) -> None:
        """Charge the steps that were made, and give the rest back; no effect if nothing is reserved."""
        if self._reservation is not None:
            reservation, self._reservation = self._reservation, None
            made = min(self._made(), self._steps)
            reservation.end(used=self._per_step * (made - self._since))
            self._since = made

    def _reserve(self, caller: Subscription, *, must: bool) -> None:
        # The pictures of jobs do not count among a client's renders in progress: they give way to all others, and a
        # client whose job runs for hours would be refused all that time.
        cost = self._per_step * (self._steps - self._since)
        self._reservation = caller.account.reserve(cost, counted=not caller.durable, must=must)
