"""Short forms of checks in tests/reliability: generated messages, raw bytes, SIGTERM under load."""

from __future__ import annotations

import pytest

from tests.reliability.fuzz import broken, fuzz
from tests.reliability.sigterm import sigterm


def test_any_message_may_be_sent() -> None:
    found = fuzz(count=400, seconds=3)
    assert broken(found) == []
    assert found["messages"] >= 300
    assert found["connections"] > 20
    assert {"OK", "INVALID_ARGUMENT", "NOT_FOUND"} <= found["statuses"].keys()


@pytest.mark.parametrize(
    ("by_method", "share", "promises"),
    [
        ({"GetServerInfo": {"OK": 1}, "RenderImage": {"OK": 2, "NOT_FOUND": 9}}, 0.18, []),
        ({"GetServerInfo": {"NOT_FOUND": 1}}, 0.1, ["GetServerInfo is answered OK at least once"]),
        ({"RenderImage": {"OK": 1, "NOT_FOUND": 99}}, 0.01, ["10% of the renders come to a picture"]),
    ],
)
def test_a_run_whose_messages_reach_nothing_is_reported(
    by_method: dict[str, dict[str, int]], share: float, promises: list[str]
) -> None:
    assert broken({"by_method": by_method, "share_of_renders": share}) == promises


def test_no_accepted_render_is_lost_when_the_server_stops() -> None:
    ended = sigterm(clients=8, load_s=1)
    assert ended["done"] >= 8
    assert (ended["lost"], ended["exit"]) == (0, 0)
