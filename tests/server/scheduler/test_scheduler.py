"""The scheduler's choice of renders, turn by turn, without clock, thread or device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from reverie_server import QueueFull, TooLate
from reverie_server.limits import Limits
from reverie_server.scheduler.policy import PASSES, RESERVED, SUSPENDED
from reverie_server.scheduler.render import Render

from tests.server.scheduler.device import Device, render

# ----- turns -----


def test_an_empty_scheduler_has_no_turn() -> None:
    assert Device().turn() == []


def test_renders_of_one_program_and_client_are_made_one_after_the_other() -> None:
    device, renders = Device(), [render(steps=2) for _ in range(3)]
    device.add(*renders)
    assert device.turns(6) == [each for each in renders for _ in range(2)]


def test_programs_of_one_client_take_turns() -> None:
    device, long, short = Device(), render(program="p", steps=100), render(program="q", steps=2)
    device.add(long)
    device.turns(10)
    device.add(short)
    assert Counter(device.turns(4)) == {long: 2, short: 2}


# How many renders of which programs each client has; the shares must not depend on them.
CROWDS: list[dict[str, list[str]]] = [
    {"a": ["p"], "b": ["p"]},
    {"a": ["p"] * 10, "b": ["p"]},
    {"a": ["p", "q", "r"], "b": ["p"]},
    {"a": ["p"] * 20, "b": ["q"] * 2, "c": ["r"]},
]


@pytest.mark.parametrize("crowd", CROWDS, ids=str)
@pytest.mark.parametrize("places", [1, 2])
def test_clients_have_equal_shares_however_much_they_request(crowd: dict[str, list[str]], places: int) -> None:
    device = Device(places)
    for client, programs in crowd.items():
        device.add(*(render(client, program, steps=1000) for program in programs))
    device.turns(40)
    charged = device.queue._clients
    assert max(charged.values()) - min(charged.values()) <= 1


def test_a_new_client_starts_level_with_the_others() -> None:
    device = Device()
    device.add(render("a", steps=1000))
    device.turns(50)
    device.add(render("b", steps=1000))
    device.had.clear()
    device.turns(10)
    assert abs(device.had["a"] - device.had["b"]) <= 1


def test_interactive_renders_go_first_and_batch_renders_have_their_share() -> None:
    device = Device()
    background, interactive = render("a", "q", steps=1000, background=True), render("a", "p", steps=1000)
    device.add(background, interactive)
    first = device.turns(3 * (PASSES + 1))
    assert first[:PASSES] == [interactive] * PASSES
    assert Counter(first) == {interactive: 3 * PASSES, background: 3}


def test_a_batch_turn_ends_for_an_interactive_render_unless_it_was_owed() -> None:
    device, background, interactive = Device(), render(program="q", steps=1000, background=True), render(steps=1000)
    device.add(background)
    turn = device.turn()
    assert not device.scheduler.must_yield(turn)
    device.add(interactive)
    assert device.scheduler.must_yield(turn)  # so that its program is loaded
    device.reserve(interactive)
    assert not device.scheduler.must_yield(turn)
    device.loaded(interactive)
    assert device.scheduler.must_yield(turn)
    assert not device.scheduler.must_yield([interactive])
    device.turns(PASSES)
    assert device.turn() == [background]
    assert not device.scheduler.must_yield([background])


def test_time_owed_to_batch_renders_stays_owed_until_there_is_room() -> None:
    """This holds however many interactive renders arrive for loaded programs."""
    device = Device(room=1)
    patient, first = render("a", "q", background=True, program_bytes=1), render("b", steps=20, program_bytes=1)
    device.add(patient, first)
    waits(
        device,
        patient,
        lambda turn: [render(f"b{turn}", steps=20, program_bytes=1)],
        most=PASSES + 20 * (1 + SUSPENDED),
    )


def waits(device: Device, patient: Render, arriving: Callable[[int], list[Render]], *, most: int) -> int:
    """Return the number of turns until a render has begun, while others keep arriving."""
    for turn in range(most + 1):
        if patient.begun_at is not None:
            return turn
        device.add(*arriving(turn))
        device.turn()
    raise AssertionError(f"it still waits after {most} turns")


# The renders that arrive in every turn while one waits: their clients, programs and priorities.
STREAMS: dict[str, Callable[[int], list[Render]]] = {
    "more of another client": lambda turn: [render("b", steps=2)],
    "ever new clients": lambda turn: [render(f"b{turn}", steps=2)],
    "ever new programs": lambda turn: [render("b", f"q{turn}", steps=2)],
    "long ones": lambda turn: [render(f"b{turn}", steps=50)],
    "both classes": lambda turn: [render("b", steps=2), render("c", steps=2, background=True)],
}


@pytest.mark.parametrize("background", [False, True], ids=["interactive", "batch"])
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("places", [1, 3])
def test_every_wait_is_bounded(places: int, stream: str, background: bool) -> None:
    """The bound is the renders that had begun before it, of 50 steps each, and the turns between its own."""
    device = Device(places)
    device.add(*(render("b", steps=50) for _ in range(20)))
    device.turns(7)
    patient = render("a", "p", background=background)
    device.add(patient)
    most = (places + SUSPENDED) * 50 * (PASSES + 1 if background else 1)
    waits(device, patient, STREAMS[stream], most=most)


def test_a_render_without_room_keeps_later_ones_from_beginning() -> None:
    """Otherwise it would wait as long as others arrive for loaded programs."""
    device = Device(room=1)
    device.add(*(render("b", steps=20, program_bytes=1) for _ in range(2)))
    device.turns(3)
    patient = render("a", "q", program_bytes=1)
    device.add(patient)
    assert waits(device, patient, lambda turn: [render(f"b{turn}", steps=20, program_bytes=1)], most=20) == 18


def test_while_a_program_is_loaded_others_go_on() -> None:
    coming, going = render("a", "q"), render("b", "p", steps=100)
    device = Device(slow=["q"])
    device.add(coming, going)
    assert device.turns(5) == [going] * 5
    device.loaded(coming)
    assert device.turn() == [coming]


def test_as_many_renders_share_a_turn_as_there_are_places() -> None:
    device = Device(places=3)
    mine, other, elsewhere = [render("a", steps=9) for _ in range(4)], render("b", steps=9), render("c", "q", steps=9)
    device.add(*mine, other, elsewhere)
    assert device.turn() == [mine[0], other, mine[1]]
    assert device.turn() == [elsewhere]


def test_begun_renders_are_bounded_and_some_are_interactive() -> None:
    device = Device()
    device.add(*(render(f"a{n}", steps=1000, background=True) for n in range(9)))
    device.turns(20)
    assert device.queue.begun == 1 + SUSPENDED - RESERVED
    device.add(*(render(f"b{n}", steps=1000) for n in range(9)))
    device.turns(60)
    assert device.queue.begun == 1 + SUSPENDED


@pytest.mark.parametrize("background", [False, True], ids=["interactive", "batch"])
def test_a_short_render_does_not_wait_for_long_ones_to_end(background: bool) -> None:
    """Beyond the bound one may begin if all that have begun are longer by their class."""
    device = Device()
    device.add(*(render(f"a{n}", steps=1000, estimated_s=1000, background=background) for n in range(9)))
    device.turns(20)
    full = device.queue.begun
    lengths_s = (1, 1.5, 30, 300, 600)
    shorter = [render(f"b{s}", steps=1, estimated_s=s, background=background) for s in lengths_s]
    device.add(*shorter)
    device.turns(100)
    assert [each in device.queue for each in shorter] == [False, False, False, False, True]
    assert device.queue.begun == full
    device.add(*(render(f"c{s}{n}", steps=1000, estimated_s=s, background=background) for s in (1, 30) for n in "xyz"))
    device.turns(50)
    assert full < device.queue.begun <= full + 2


def test_a_scheduler_forgets_clients_that_it_has_served() -> None:
    device = Device()
    for n in range(20):
        device.add(render(f"a{n}", f"p{n}", steps=1))
        device.turn()
    assert (len(device.queue), device.queue._clients, device.queue._programs) == (0, {}, {})


# ----- admission -----


def test_a_refused_render_leaves_nothing_in_the_queue() -> None:
    device = Device(limits=Limits(max_waiting_renders=1))
    with pytest.raises(TooLate):
        device.scheduler.add(render("b", estimated_s=9), 0.0, deadline_s=1)
    assert (len(device.queue), device.queue._clients) == (0, {})
    device.add(render(), render())
    with pytest.raises(QueueFull):
        device.add(render("b"))
    assert [each.client for each in device.queue] == ["a", "a"]


def test_an_admitted_render_has_its_position() -> None:
    device, renders = Device(), [render() for _ in range(3)]
    device.add(*renders, now=7.0)
    assert [(each.position, each.submitted_at) for each in renders] == [(0, 7.0), (1, 7.0), (2, 7.0)]


# ----- promotion -----


def order(device: Device) -> list[Render]:
    return list(device.queue.in_order())


def test_a_promoted_render_goes_before_batch_renders_and_all_get_new_positions() -> None:
    device, running = Device(), render("z", steps=100)
    first, second, third = (render("job", "q", background=True) for _ in range(3))
    device.add(running)
    device.turn()
    device.add(first, second, third)
    device.scheduler.positions.moved(now=0.0)
    assert device.scheduler.promote(third, client="person")
    assert (third.client, third.background) == ("person", False)
    assert [each for each in order(device) if each is not running] == [third, first, second]
    moved = {each.render: each.position for each in device.scheduler.positions.moved(now=1000.0)}
    assert moved == {third: 1, first: 2, second: 3}


def test_a_promoted_render_keeps_its_order_of_arrival() -> None:
    device, early, batch, late = Device(), render("a"), render("job", background=True), render("b")
    device.add(early, batch, late)
    device.scheduler.promote(batch, client="c")
    assert order(device) == [early, batch, late]


def test_a_promoted_render_belongs_to_its_new_client() -> None:
    """It comes after the first render of every client, and its time is charged to its new client."""
    device = Device()
    batch, own, other = render("job", background=True, steps=9), render("a", steps=1), render("b", steps=9)
    own_later = render("a", steps=9)
    device.add(batch, own, own_later, other)
    device.scheduler.promote(batch, client="a")
    assert order(device) == [batch, other, own, own_later]
    assert device.queue._clients.keys() == {"a", "b"}
    device.turns(8)
    assert device.had == {"a": 4, "b": 4}


def test_a_promotion_keeps_the_shares_of_the_old_clients_other_renders() -> None:
    device = Device()
    promoted, left = (render("job", background=True, steps=9) for _ in range(2))
    device.add(promoted, left)
    device.scheduler.promote(promoted, client="a")
    assert device.queue._clients.keys() == {"job", "a"}
    device.scheduler.finish(promoted)
    device.scheduler.finish(left)
    assert (device.queue._clients, device.queue._programs) == ({}, {})


# Waiting renders of the client and of others, of at most four, and whether the client may have one more.
ROOM = [(0, 0, True), (2, 0, True), (3, 0, False), (0, 3, False), (2, 1, False), (0, 2, True)]


@pytest.mark.parametrize(("mine", "others", "promoted"), ROOM)
def test_a_render_stays_a_batch_render_if_its_new_client_has_no_room(mine: int, others: int, promoted: bool) -> None:
    device = Device(limits=Limits(max_waiting_renders=4))
    running, batch = render("z", steps=100), render("job", "q", background=True)
    device.add(running)
    device.turn()
    device.add(batch, *(render("person") for _ in range(mine)), *(render(f"b{n}") for n in range(others)))
    before = order(device)
    assert device.scheduler.promote(batch, client="person") is promoted
    assert (batch.background, batch.client) == ((False, "person") if promoted else (True, "job"))
    assert promoted or order(device) == before


def test_begun_interactive_and_finished_renders_are_not_promoted() -> None:
    device, begun, interactive = Device(), render("job", background=True, steps=9), render("a")
    done = render("job", background=True)
    device.add(begun)
    device.turn()
    device.add(interactive)
    for each in (begun, interactive, done):
        client = each.client
        assert not device.scheduler.promote(each, client="person")
        assert each.client == client
    assert device.queue._clients.keys() == {"job", "a"}


# ----- programs -----


def test_the_program_to_load_is_reported_and_changes_nothing_until_loaded() -> None:
    device, waiting = Device(), render(steps=9)
    device.add(waiting)
    for _ in range(3):
        turn = device.scheduler.schedule()
        assert (turn.renders, turn.load) == ((), waiting)
        assert device.scheduler.must_yield([]) is True
    assert (list(device.programs.loaded), device.programs.bytes) == ([], 0)
    device.reserve(waiting)
    assert device.scheduler.schedule().load is None
    device.loaded(waiting)
    assert list(device.scheduler.schedule().renders) == [waiting]
