"""The positions of waiting renders, and their expected waits."""

from __future__ import annotations

from reverie_server.scheduler.render import Render

from tests.server.scheduler.device import Device, render


def positions(device: Device) -> dict[Render, int]:
    return {each: ahead.renders for each, ahead in device.queue.ahead().items()}


def test_a_position_counts_all_that_go_first() -> None:
    device = Device()
    first, mine, other, late = (render("a"), render("a"), render("b"), render("b", background=True))
    device.add(first)
    assert positions(device) == {first: 0}
    device.turn()
    device.add(mine, late, other)
    assert positions(device) == {other: 1, mine: 2, late: 3}


def test_no_render_is_before_one_that_has_a_place_in_a_batch() -> None:
    device = Device(places=2)
    first, second, third = (render(steps=9) for _ in range(3))
    device.add(first)
    device.turn()
    device.add(second, third)
    assert positions(device) == {second: 0, third: 2}


def test_no_render_shares_a_batch_with_another_program() -> None:
    device = Device(places=2)
    first, other = render(steps=9), render("b", "q", steps=9)
    device.add(first)
    device.turn()
    device.add(other)
    assert positions(device) == {other: 1}


def test_the_wait_is_the_remaining_time_of_the_renders_before() -> None:
    device = Device(places=2)
    device.add(*(render(steps=4, estimated_s=8) for _ in range(4)))
    assert device.queue.left_s == 16
    device.turn()  # of one second, as long as which each of two has had; so what is left is 3 s each
    assert [ahead.wait_s for ahead in device.queue.ahead().values()] == [3, 7]
    assert device.queue.left_s == 11


def test_the_remaining_time_is_first_estimated_and_then_measured() -> None:
    each = render(steps=10, estimated_s=5)
    assert each.remaining_s == 5
    each.run.history, each.took_s = [0.0] * 4, 8.0
    assert each.remaining_s == 12
    assert render().remaining_s == 0
