"""The order of the queue, and the remaining time of its renders."""

from __future__ import annotations

from tests.server.scheduler.device import Device, render


def test_a_clients_second_render_comes_after_every_clients_first() -> None:
    device = Device()
    renders = {name: render(name[0]) for name in ("a1", "a2", "b1", "c1", "c2", "c3")}
    device.queue.add(late := render("d", background=True))
    for each in renders.values():
        device.queue.add(each)
    wanted = [renders[name] for name in ("a1", "b1", "c1", "a2", "c2", "c3")]
    assert list(device.queue.in_order()) == [*wanted, late]
    assert list(device.queue.in_order(background_first=True)) == [late, *wanted]


def test_what_used_the_device_least_comes_first() -> None:
    device = Device()
    first, second, other = render("a", "p"), render("a", "q"), render("b")
    for each in (first, second, other):
        device.queue.add(each)
    device.queue.charge([first], 1.0)
    assert list(device.queue.in_order()) == [other, second, first]
    device.queue.charge([other], 3.0)
    assert list(device.queue.in_order()) == [second, other, first]


def test_jobs_and_lengths_of_one_program_are_charged_apart() -> None:
    device = Device()
    renders = [render("a", job=job, estimated_s=s) for job in "12" for s in (1, 9, 1.5, 600)]
    for each in renders:
        device.queue.add(each)
    long, short = renders[3], renders[0]
    device.queue.charge([long], 1.0)
    assert list(device.queue.in_order())[-1] is long
    device.queue.charge([short], 2.0)
    assert list(device.queue.in_order())[-3:] == [long, short, renders[2]]


def test_the_remaining_time_is_first_estimated_and_then_measured() -> None:
    each = render(steps=10, estimated_s=5)
    assert each.remaining_s == 5
    each.run.history, each.step_s = [0.0] * 4, 2.0
    assert each.remaining_s == 12
    each.slowdown = 2.0
    assert each.remaining_s == 24
    assert render().remaining_s == 0
