"""Accounts: what is admitted, what is reserved, and what is given back."""

from __future__ import annotations

import pytest
from reverie_server.errors import QuotaExceeded
from reverie_server.scheduler.quotas import Account, Quota


class Clock:
    """A clock that the test advances."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_renders_in_progress_are_limited_and_pictures_of_jobs_do_not_count() -> None:
    account = Account(Quota(renders=1))
    first = account.reserve(1)
    with pytest.raises(QuotaExceeded, match="1 renders in progress and may have 1"):
        account.reserve(1)
    account.reserve(1, counted=False)
    first.end(used=1)
    account.reserve(1)


def test_the_budget_refills_evenly_and_may_be_overdrawn_by_one_render() -> None:
    clock = Clock()
    account = Account(Quota(pixel_steps_per_minute=600), clock=clock)
    account.reserve(1200).end(used=1200)  # two minutes' worth: admitted because the budget is full
    with pytest.raises(QuotaExceeded) as refusal:
        account.reserve(1)
    assert refusal.value.retry_after_s == 60
    clock.now = 59
    with pytest.raises(QuotaExceeded):
        account.reserve(1)
    clock.now = 60.2
    account.reserve(1)


# What was used of a reservation of 600 at a rate of 600 a minute, and the seconds until the next render is admitted.
USED = [(0, 0), (1, 0), (300, 0), (599, 0), (600, 1), (10**6, 1)]


@pytest.mark.parametrize(("used", "wait_s"), USED)
def test_what_is_not_used_is_given_back(used: float, wait_s: int) -> None:
    account = Account(Quota(pixel_steps_per_minute=600), clock=Clock())
    account.reserve(600).end(used=used)
    if wait_s:
        with pytest.raises(QuotaExceeded) as refusal:
            account.reserve(1)
        assert refusal.value.retry_after_s == wait_s
    else:
        account.reserve(1)


def test_giving_back_never_fills_the_budget_beyond_a_minute() -> None:
    clock = Clock()
    account = Account(Quota(pixel_steps_per_minute=600), clock=clock)
    long = account.reserve(6000)
    clock.now = 3600
    long.end(used=60)
    account.reserve(600).end(used=600)
    with pytest.raises(QuotaExceeded):
        account.reserve(1)


# The quotas before and after a change, what was used before, and whether a render is admitted after it.
CHANGES = [
    (Quota(pixel_steps_per_minute=1000), Quota(pixel_steps_per_minute=10), 0, True),
    (Quota(pixel_steps_per_minute=1000), Quota(pixel_steps_per_minute=10), 1000, False),
    (Quota(pixel_steps_per_minute=10), Quota(pixel_steps_per_minute=1000), 10, False),
    (Quota(pixel_steps_per_minute=10), Quota(), 10**9, True),
    (Quota(), Quota(pixel_steps_per_minute=10), 10**9, True),
    (Quota(renders=1), Quota(pixel_steps_per_minute=10), 0, True),
]


@pytest.mark.parametrize(("before", "after", "used", "admitted"), CHANGES)
def test_a_changed_quota_applies_from_the_next_render(before: Quota, after: Quota, used: float, admitted: bool) -> None:
    account = Account(before, clock=Clock())
    account.reserve(used).end(used=used)
    account.adopt(after)
    if admitted:
        account.reserve(1)
    else:
        with pytest.raises(QuotaExceeded):
            account.reserve(1)


def test_a_lowered_quota_keeps_a_minute_of_the_new_one_at_most() -> None:
    account = Account(Quota(pixel_steps_per_minute=1000), clock=Clock())
    account.adopt(Quota(pixel_steps_per_minute=10))
    account.reserve(11).end(used=11)
    with pytest.raises(QuotaExceeded):
        account.reserve(1)


def test_a_client_that_must_pay_is_not_refused_and_waits_longer() -> None:
    account = Account(Quota(pixel_steps_per_minute=600), clock=Clock())
    account.reserve(600)
    account.reserve(600, must=True)
    with pytest.raises(QuotaExceeded) as refusal:
        account.reserve(1)
    assert refusal.value.retry_after_s == 60
