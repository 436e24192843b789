"""The position events of waiting renders, and how often they are sent."""

from __future__ import annotations

import pytest
from reverie_server.scheduler.queue_position import PAUSE_S, Positions

from tests.server.scheduler.device import Device, render

NOW = 100.0


def waiting(*estimates_s: float | None) -> tuple[Device, Positions]:
    """Return a queue whose renders have not been sent any position yet."""
    device = Device()
    for estimated_s in estimates_s:
        device.queue.add(render(estimated_s=estimated_s))
    positions = Positions(device.queue)
    positions.change()
    return device, positions


def test_no_position_is_sent_if_nothing_has_changed() -> None:
    positions = Positions(Device().queue)
    assert positions.due_s(NOW) is None
    assert positions.moved(NOW) == []


def test_a_change_is_sent_once() -> None:
    device, positions = waiting(4, 2, None)
    _, second, third = device.queue
    assert [tuple(moved) for moved in positions.moved(NOW)] == [(second, 1, 6.0), (third, 2, 0.0)]
    assert positions.due_s(NOW) is None
    positions.change()
    assert positions.moved(NOW + 10 * PAUSE_S) == []


def test_changes_in_quick_succession_are_sent_together_after_a_pause() -> None:
    device, positions = waiting(None, None, None, None)
    first, second, third, fourth = device.queue
    assert [moved.position for moved in positions.moved(NOW)] == [1, 2, 3]
    for n, each in enumerate((first, second), start=1):
        device.queue.remove(each)
        positions.change()
        assert positions.moved(NOW + n * PAUSE_S) == []
    assert positions.due_s(NOW + 2 * PAUSE_S) == pytest.approx(PAUSE_S)
    assert [tuple(moved)[:2] for moved in positions.moved(NOW + 3.01 * PAUSE_S)] == [(third, 0), (fourth, 1)]


def test_an_update_without_changes_does_not_delay_the_next_one() -> None:
    device, positions = waiting(None)
    assert positions.moved(NOW) == []
    device.queue.add(render())
    positions.change()
    assert [moved.position for moved in positions.moved(NOW)] == [1]
