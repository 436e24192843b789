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
    positions = Positions(device.scheduler.foretell)
    positions.change()
    return device, positions


def test_no_position_is_sent_if_nothing_has_changed() -> None:
    positions = Positions(Device().scheduler.foretell)
    assert positions.due_s(NOW) is None
    assert positions.moved(NOW) == []


def test_a_change_is_sent_once() -> None:
    device, positions = waiting(4, 2, 3)
    _, second, third = device.queue
    assert [tuple(moved) for moved in positions.moved(NOW)] == [(second, 1, 6.0), (third, 2, 9.0)]
    assert positions.due_s(NOW) is None
    positions.change()
    assert positions.moved(NOW + 10 * PAUSE_S) == []


def test_a_time_that_depends_on_an_unknown_one_is_not_sent() -> None:
    device, positions = waiting(None, None)
    _, second = device.queue
    assert [tuple(moved) for moved in positions.moved(NOW)] == [(second, 1, 0.0)]


def test_a_render_that_has_begun_learns_how_much_the_others_delay_it() -> None:
    device = Device()
    mine, other = (render(client, steps=100, estimated_s=100) for client in "ab")
    device.add(mine)
    device.turns(10)
    device.scheduler.positions.moved(NOW)
    assert (mine.slowdown, mine.remaining_s) == (1.0, 90.0)
    device.add(other)
    device.turn()
    device.scheduler.positions.moved(NOW + 1)
    assert mine.slowdown == pytest.approx(2, rel=0.1)


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
