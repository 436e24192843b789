"""The short forms of what bench/reliability does at length: generated messages, raw bytes, SIGTERM under load."""

from __future__ import annotations

from bench.reliability.fuzz import fuzz
from bench.reliability.sigterm import sigterm


def test_anything_may_be_sent() -> None:
    found = fuzz(count=300, seconds=3)
    assert found["messages"] >= 300
    assert found["connections"] > 20
    assert {"OK", "INVALID_ARGUMENT", "NOT_FOUND"} <= found["statuses"].keys()


def test_no_accepted_render_is_lost_when_the_server_is_told_to_stop() -> None:
    ended = sigterm(clients=8, load_s=1)
    assert ended["done"] >= 8
    assert (ended["lost"], ended["exit"]) == (0, 0)
