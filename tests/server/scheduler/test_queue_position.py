"""What those who wait hear of their position, and how often."""

from __future__ import annotations

import pytest
from reverie_server.scheduler.queue_position import PAUSE_S, Standing

from tests.server.scheduler.test_queue import Device, ticket


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_told_where_nothing_has_changed() -> None:
    standing = Standing(Device().line, Clock())
    assert standing.due_s() is None
    assert standing.moved() == []


def test_a_change_is_told_once() -> None:
    device, clock = Device(), Clock()
    standing, waits = Standing(device.line, clock), [ticket(estimated_s=4), ticket(estimated_s=2), ticket()]
    device.add(*waits)
    standing.change()
    assert [tuple(moved) for moved in standing.moved()] == [(waits[1], 1, 6.0), (waits[2], 2, 0.0)]
    assert standing.due_s() is None
    clock.now += 10 * PAUSE_S
    standing.change()
    assert standing.moved() == []


def test_changes_that_follow_each_other_are_told_together_a_pause_for_each_who_was_told_later() -> None:
    device, clock = Device(), Clock()
    standing, waits = Standing(device.line, clock), [ticket() for _ in range(4)]
    device.add(*waits)
    standing.change()
    assert [moved.position for moved in standing.moved()] == [1, 2, 3]
    for each in waits[:2]:
        clock.now += PAUSE_S
        device.line.remove(each)
        standing.change()
        assert standing.moved() == []
    assert standing.due_s() == pytest.approx(PAUSE_S)
    clock.now += 1.01 * PAUSE_S
    assert [(moved.ticket, moved.position) for moved in standing.moved()] == [(waits[2], 0), (waits[3], 1)]


def test_what_changed_nobodys_position_makes_nobody_wait_for_the_next_news() -> None:
    device, clock = Device(), Clock()
    standing, waits = Standing(device.line, clock), [ticket(), ticket()]
    device.add(waits[0])
    standing.change()
    assert standing.moved() == []
    device.add(waits[1])
    standing.change()
    assert [moved.position for moved in standing.moved()] == [1]
