"""The memory of requests with a request id."""

from __future__ import annotations

from threading import Lock

from reverie_server.dispatch import Subscription
from reverie_server.dispatch.idempotency import RETENTION_S, Attempts
from reverie_server.dispatch.inflight import InFlight

from tests.server.fakes import nothing, request
from tests.server.results import rendering


def test_request_ids_expire_and_their_pictures_are_bounded() -> None:
    now = 0.0
    attempts = Attempts(clock=lambda: now, max_bytes=2 * rendering().array.nbytes)
    names = ["first", "second", "third"]
    for name in names:
        in_flight = InFlight(request(request_id=name), Lock(), nothing)
        in_flight.rendering = rendering()
        in_flight.join(Subscription(in_flight.request, nothing))
        attempts.remember(("", name), in_flight)
        attempts.ended(in_flight)
    found = [attempts.find(("", name)) for name in names]
    assert [each is not None and each.in_flight is not None for each in found] == [False, True, True]
    assert all(each is not None for each in found)
    now = RETENTION_S + 1
    assert [attempts.find(("", name)) for name in names] == [None] * 3
