"""Charging: every step that is computed is paid once, by one of the clients that it was computed for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Flag
from threading import Semaphore
from typing import Any, cast

import pytest
from reverie_ascent import Run
from reverie_proto.v1.visualization_pb2 import CACHE_MODE_BYPASS, CACHE_MODE_ONLY
from reverie_server import Draining, InvalidRequest, NotStored, QueueFull, Rendering, TooLate
from reverie_server.dispatch import Dispatcher, Subscription
from reverie_server.errors import Interrupted, QuotaExceeded
from reverie_server.limits import Limits
from reverie_server.scheduler.quotas import Account, Quota

from tests.server.fakes import PATIENCE_S, SIZE, fake_step_loop, request
from tests.server.results import MAKER, digest_of, folder_store, rendering

STEPS = 4
#: Pixel-steps of one step of a picture.
STEP = SIZE**2
RATE = 100 * STEP * STEPS


def account(owner: str = "", rate: float = RATE, renders: int | None = None) -> Account:
    return Account(Quota(renders, rate), owner=owner, clock=lambda: 0.0)


def steps_paid(payer: Account) -> float:
    """Return what an account was charged for, in steps."""
    rate = payer._quota.pixel_steps_per_minute
    assert rate is not None
    return (rate - payer._level) / STEP


class Device:
    """A dispatcher whose device makes as many steps as the test allows."""

    def __init__(self, store: Path, **options: Any) -> None:
        self._allowed = Semaphore(0)
        self.stepping = Flag()

        def before(runs: list[Run]) -> None:
            self.stepping.set()
            assert self._allowed.acquire(timeout=PATIENCE_S)

        self.step_loop = fake_step_loop(before=before, **options)
        self.dispatcher = Dispatcher(self.step_loop, folder_store(store))

    def allow(self, steps: int = 1000) -> None:
        """Let the device make more steps."""
        for _ in range(steps):
            self._allowed.release()

    def submit(self, payer: Account, seed: int = 0, **options: Any) -> Call:
        """Send a request of a client; keywords that `Dispatcher.submit` has not belong to the request."""
        more = {name: options.pop(name) for name in ("deadline_s", "durable") if name in options}
        fields: dict[str, Any] = {"steps": STEPS, "seed": seed, "digest": digest_of(seed), "maker": MAKER.name}
        wanted = request(**(fields | options))
        news = Flag()
        return Call(self.dispatcher.submit(wanted, news.set, client=payer.owner, account=payer, **more), news)

    def close(self) -> None:
        """Let everything end."""
        self.allow()
        self.dispatcher.close()


class Call:
    """A subscription that a test reads."""

    def __init__(self, subscription: Subscription, news: Flag) -> None:
        self.subscription, self._news = subscription, news

    def end(self) -> Any:
        """Return the rendering or the exception that ends it."""
        while True:
            self._news.clear()
            try:
                while (event := self.subscription.take()) is not None:
                    if isinstance(event, Rendering):
                        return event
            except Exception as error:
                return error
            assert self._news.wait(PATIENCE_S)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    device = Device(tmp_path, limits=Limits(max_waiting_renders=4))
    yield device
    device.close()


def test_a_render_costs_its_steps(device: Device) -> None:
    payer = account()
    device.allow()
    assert isinstance(device.submit(payer).end(), Rendering)
    assert steps_paid(payer) == STEPS


def test_look_ups_cost_nothing_even_of_a_client_over_its_quota(device: Device) -> None:
    payer = account(rate=STEP)
    device.dispatcher._store.put(rendering())  # type: ignore[union-attr]
    payer.reserve(STEP)
    for cache in (0, CACHE_MODE_ONLY):
        options: dict[str, Any] = {"cache": cache} if cache else {}
        assert device.submit(payer, **options).end().cached
    assert isinstance(device.submit(payer, seed=9, cache=CACHE_MODE_ONLY).end(), NotStored)
    assert steps_paid(payer) == 1
    assert isinstance(device.submit(payer, seed=1).end(), QuotaExceeded)


def test_a_repeat_of_a_request_is_not_paid_again(device: Device) -> None:
    payer, name = account(renders=1), str(uuid.uuid4())
    options: dict[str, Any] = {"request_id": name, "cache": CACHE_MODE_BYPASS}
    first = device.submit(payer, **options)
    second = device.submit(payer, **options)
    device.allow()
    assert all(isinstance(each.end(), Rendering) for each in (first, second))
    assert isinstance(device.submit(payer, **options).end(), Rendering)
    assert steps_paid(payer) == STEPS


def test_a_request_that_joins_a_render_is_not_paid(device: Device) -> None:
    first, second = account("a"), account("b")
    calls = [device.submit(first), device.submit(second)]
    device.allow()
    assert all(isinstance(each.end(), Rendering) for each in calls)
    assert (steps_paid(first), steps_paid(second)) == (STEPS, 0)


def test_a_render_that_is_cancelled_half_way_costs_the_steps_that_were_made(device: Device) -> None:
    payer = account(renders=1)
    call = device.submit(payer)
    device.allow(2)
    wait_until(lambda: device.step_loop.stats().steps >= 1)
    call.subscription.stop()
    assert isinstance(call.end(), Interrupted)
    device.allow()
    wait_until(lambda: steps_paid(payer) < STEPS)
    assert steps_paid(payer) == device.step_loop.stats().steps > 0
    assert isinstance(device.submit(payer, seed=1).end(), Rendering)


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)


# How the second render of a client is refused, and by what.
REFUSALS: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "too late": ({"deadline_s": 1.0, "estimated_s": 1000.0}, TooLate),
    "queue full": ({}, QueueFull),
}


@pytest.mark.parametrize(("options", "fault"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_render_costs_nothing(device: Device, options: dict[str, Any], fault: type[Exception]) -> None:
    payer, full = account("payer"), fault is QueueFull
    waiting = [device.submit(account(f"other {seed}"), seed=seed) for seed in range(1, 6 if full else 2)]
    wait_until(lambda: device.step_loop.stats().waiting == (4 if full else 0) and device.step_loop.stats().running == 1)
    ends = [device.submit(payer, seed=100, **options).end() for _ in range(3)]
    assert [type(each) for each in ends] == [fault] * 3
    assert steps_paid(payer) == 0
    device.allow()
    for each in waiting:
        each.end()


def test_a_request_to_a_server_that_stops_costs_nothing(device: Device) -> None:
    payer = account()
    device.close()
    with pytest.raises(Draining):
        device.submit(payer)
    assert steps_paid(payer) == 0


def test_who_stays_pays_for_the_steps_after_the_payer_has_left(device: Device) -> None:
    first, second = account("a"), account("b", rate=STEP)
    second.reserve(STEP)  # it could not begin a render of its own
    leaving, staying = device.submit(first), device.submit(second)
    device.allow(1)
    assert device.stepping.wait(PATIENCE_S)
    leaving.subscription.stop()
    device.allow()
    assert isinstance(staying.end(), Rendering)
    assert steps_paid(first) + (steps_paid(second) - 1) == STEPS
    assert steps_paid(first) < STEPS


def test_a_client_over_its_quota_is_refused_and_another_one_is_not(device: Device) -> None:
    poor, rich = account("poor", rate=STEP), account("rich")
    poor.reserve(STEP)
    device.allow()
    refused = device.submit(poor).end()
    assert isinstance(refused, QuotaExceeded)
    assert refused.retry_after_s == 1
    assert isinstance(device.submit(rich).end(), Rendering)
    assert (steps_paid(poor), steps_paid(rich)) == (1, STEPS)


def test_one_caller_that_may_pay_is_enough() -> None:
    dispatcher = Dispatcher(cast(Any, fake_step_loop()), None)
    poor, rich = account("poor", rate=STEP), account("rich")
    poor.reserve(STEP)
    in_flight = dispatcher._new(request(steps=STEPS))
    callers = [Subscription(in_flight.request, lambda: None, account=each) for each in (poor, rich)]
    assert in_flight.payment.begin(callers) == {}
    in_flight.payment.end()
    assert (steps_paid(poor), steps_paid(rich)) == (1, 0)
    dispatcher.close()


def test_two_clients_may_use_one_request_id(device: Device) -> None:
    name = str(uuid.uuid4())
    device.allow()
    assert isinstance(device.submit(account("a"), seed=1, request_id=name).end(), Rendering)
    assert isinstance(device.submit(account("b"), seed=2, request_id=name).end(), Rendering)
    with pytest.raises(InvalidRequest):
        device.submit(account("a"), seed=3, request_id=name)
