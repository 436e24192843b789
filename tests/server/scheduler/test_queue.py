"""Who has the device next, turn by turn: no clock, no thread, no device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from typing import Any, cast

import pytest
from reverie_ascent import Run
from reverie_ascent.program import ProgramKey
from reverie_ascent.recipe import Recipe
from reverie_server import QueueFull, TooLate
from reverie_server.limits import Limits
from reverie_server.scheduler import admission
from reverie_server.scheduler.admission import LATEST_S
from reverie_server.scheduler.queue import KEPT, PASSES, SUSPENDED, Ahead, Key, Line, Readiness, Ticket


def key(program: str) -> Key:
    return program, ProgramKey((), 16, "fourier", "none")


def ticket(
    client: str = "a", program: str = "p", *, steps: int = 4, background: bool = False, estimated_s: float | None = None
) -> Ticket:
    run = Run(Recipe((), 16, steps, 0.1, 0))
    return Ticket(cast(Any, object()), key(program), client, background, run, estimated_s)


def ready(ticket: Ticket) -> Readiness:
    return Readiness.READY


@dataclass
class Device:
    """Gives turns of one second, in which every member of the crew makes one step."""

    places: int = 1
    readiness: Callable[[Ticket], Readiness] = ready
    had: Counter[str] = field(default_factory=Counter)
    crews: list[list[Ticket]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.line = Line(self.places)

    def add(self, *tickets: Ticket) -> None:
        for each in tickets:
            self.line.add(each)

    def turn(self) -> list[Ticket]:
        crew = self.line.turn(self.readiness)
        if crew:
            self.line.charge(crew, 1.0)
        for each in crew:
            each.begun = each.begun if each.begun is not None else float(len(self.crews))
            each.run.history.append(0.0)
            each.took_s += 1
            self.had[each.client] += 1
            if each.run.steps == each.run.recipe.steps:
                self.line.remove(each)
        self.crews.append(crew)
        return crew

    def turns(self, count: int) -> list[Ticket | None]:
        """Who was first in each of so many turns."""
        return [next(iter(self.turn()), None) for _ in range(count)]


def test_nobody_has_a_turn_where_nobody_is() -> None:
    assert Device().turn() == []


def test_renders_of_one_program_and_client_are_made_one_after_the_other() -> None:
    device, tickets = Device(), [ticket(steps=2) for _ in range(3)]
    device.add(*tickets)
    assert device.turns(6) == [each for each in tickets for _ in range(2)]


def test_programs_of_one_client_take_turns() -> None:
    device, long, short = Device(), ticket(program="p", steps=100), ticket(program="q", steps=2)
    device.add(long)
    device.turns(10)
    device.add(short)
    assert Counter(device.turns(4)) == {long: 2, short: 2}


# How many renders of which programs each client has; they should not matter.
CROWDS: list[dict[str, list[str]]] = [
    {"a": ["p"], "b": ["p"]},
    {"a": ["p"] * 10, "b": ["p"]},
    {"a": ["p", "q", "r"], "b": ["p"]},
    {"a": ["p"] * 20, "b": ["q"] * 2, "c": ["r"]},
]


@pytest.mark.parametrize("crowd", CROWDS, ids=str)
@pytest.mark.parametrize("places", [1, 2])
def test_clients_have_the_same_share_however_much_they_ask_for(crowd: dict[str, list[str]], places: int) -> None:
    device = Device(places)
    for client, programs in crowd.items():
        device.add(*(ticket(client, program, steps=1000) for program in programs))
    device.turns(40)
    charged = device.line._had
    assert max(charged.values()) - min(charged.values()) <= 1


def test_who_comes_anew_starts_where_the_others_are() -> None:
    device = Device()
    device.add(ticket("a", steps=1000))
    device.turns(50)
    device.add(ticket("b", steps=1000))
    device.had.clear()
    device.turns(10)
    assert abs(device.had["a"] - device.had["b"]) <= 1


def test_interactive_renders_go_first_and_the_others_have_their_share() -> None:
    device = Device()
    background, interactive = ticket("a", "q", steps=1000, background=True), ticket("a", "p", steps=1000)
    device.add(background, interactive)
    first = device.turns(3 * (PASSES + 1))
    assert first[:PASSES] == [interactive] * PASSES
    assert Counter(first) == {interactive: 3 * PASSES, background: 3}


def test_a_turn_of_the_lower_class_ends_for_an_interactive_render_unless_it_was_owed() -> None:
    device, background = Device(), ticket(program="q", steps=1000, background=True)
    device.add(background)
    crew = device.turn()
    assert not device.line.must_yield(crew, ready)
    interactive = ticket(steps=1000)
    device.add(interactive)
    assert device.line.must_yield(crew, ready)
    assert not device.line.must_yield(crew, lambda each: Readiness.READY if each.background else Readiness.COMING)
    assert not device.line.must_yield([interactive], ready)
    device.turns(PASSES)
    assert device.turn() == [background]
    assert not device.line.must_yield([background], ready)


def test_what_is_owed_to_the_lower_class_stays_owed_until_there_is_room_for_it() -> None:
    """However many interactive renders come for programs that are loaded."""

    def readiness(each: Ticket) -> Readiness:
        busy = any(other.begun is not None and other is not each for other in device.line)
        return Readiness.NO_ROOM if each.background and busy and each.begun is None else Readiness.READY

    device, patient, first = Device(readiness=readiness), ticket("a", "q", background=True), ticket("b", steps=20)
    first.begun = 0.0
    device.add(patient, first)
    waits(device, patient, lambda turn: [ticket(f"b{turn}", steps=20)], most=PASSES + 20 * (1 + SUSPENDED))


def waits(device: Device, patient: Ticket, arriving: Callable[[int], list[Ticket]], *, most: int) -> int:
    """Turns until a render has begun, while others come without end."""
    for turn in range(most + 1):
        if patient.begun is not None:
            return turn
        device.add(*arriving(turn))
        device.turn()
    raise AssertionError(f"it still waits after {most} turns")


# What comes in every turn while somebody waits: whose, of which program, of which class.
STREAMS: dict[str, Callable[[int], list[Ticket]]] = {
    "more of another client": lambda turn: [ticket("b", steps=2)],
    "ever new clients": lambda turn: [ticket(f"b{turn}", steps=2)],
    "ever new programs": lambda turn: [ticket("b", f"q{turn}", steps=2)],
    "long ones": lambda turn: [ticket(f"b{turn}", steps=50)],
    "both classes": lambda turn: [ticket("b", steps=2), ticket("c", steps=2, background=True)],
}


@pytest.mark.parametrize("background", [False, True], ids=["interactive", "batch"])
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("places", [1, 3])
def test_nobody_waits_for_ever(places: int, stream: str, background: bool) -> None:
    """Its wait is bounded by what had begun before it, of 50 steps each, and the turns between its own."""
    device = Device(places)
    device.add(*(ticket("b", steps=50) for _ in range(20)))
    device.turns(7)
    patient = ticket("a", "p", background=background)
    device.add(patient)
    most = (places + SUSPENDED) * 50 * (PASSES + 1 if background else 1)
    waits(device, patient, STREAMS[stream], most=most)


def test_what_finds_no_room_lets_nothing_behind_it_begin() -> None:
    """Or it would wait as long as others come for the programs that are loaded."""
    loaded = {key("p")}

    def readiness(each: Ticket) -> Readiness:
        if each.key in loaded:
            return Readiness.READY
        return Readiness.NO_ROOM if any(other.begun is not None for other in device.line) else Readiness.COMING

    device = Device(readiness=readiness)
    device.add(ticket("b", steps=20), ticket("b", steps=20))
    device.turns(3)
    patient = ticket("a", "q")
    device.add(patient)
    for turn in range(60):
        if readiness(patient) is Readiness.COMING:
            break
        device.add(ticket(f"b{turn}", steps=20))
        device.turn()
    else:
        raise AssertionError("it never had room")
    loaded.add(patient.key)
    device.turns(3)
    assert patient.begun is not None


def test_while_a_program_is_loaded_others_go_on() -> None:
    coming, going = ticket("a", "q"), ticket("b", "p", steps=100)
    device = Device(readiness=lambda each: Readiness.COMING if each is coming else Readiness.READY)
    device.add(coming, going)
    assert device.turns(5) == [going] * 5


def test_as_many_share_a_turn_as_there_are_places_whoever_they_are() -> None:
    device = Device(places=3)
    mine, other, elsewhere = [ticket("a", steps=9) for _ in range(4)], ticket("b", steps=9), ticket("c", "q", steps=9)
    device.add(*mine, other, elsewhere)
    assert device.turn() == [mine[0], other, mine[1]]
    assert device.turn() == [elsewhere]


def test_only_so_many_renders_have_begun_and_some_of_them_are_interactive() -> None:
    device = Device()
    device.add(*(ticket(f"a{n}", steps=1000, background=True) for n in range(9)))
    device.turns(20)
    assert device.line.begun == 1 + SUSPENDED - KEPT
    device.add(*(ticket(f"b{n}", steps=1000) for n in range(9)))
    device.turns(60)
    assert device.line.begun == 1 + SUSPENDED


def test_a_line_forgets_whom_it_has_served() -> None:
    device = Device()
    for n in range(20):
        device.add(ticket(f"a{n}", f"p{n}", steps=1))
        device.turn()
    assert (len(device.line), device.line._had, device.line._programs) == (0, {}, {})


# ----- what is told of the queue -----


def positions(device: Device) -> dict[Ticket, int]:
    return {ticket: ahead.renders for ticket, ahead in device.line.ahead().items()}


def test_a_position_counts_all_that_go_first() -> None:
    device = Device()
    first, mine, other, late = (ticket("a"), ticket("a"), ticket("b"), ticket("b", background=True))
    device.add(first)
    assert positions(device) == {first: 0}
    device.turn()
    device.add(mine, late, other)
    assert positions(device) == {other: 1, mine: 2, late: 3}


def test_nobody_is_before_a_render_that_has_a_place_in_a_batch() -> None:
    device = Device(places=2)
    first, second, third = (ticket(steps=9) for _ in range(3))
    device.add(first)
    device.turn()
    device.add(second, third)
    assert positions(device) == {second: 0, third: 2}


def test_nobody_sits_beside_another_program() -> None:
    device = Device(places=2)
    first, other = ticket(steps=9), ticket("b", "q", steps=9)
    device.add(first)
    device.turn()
    device.add(other)
    assert positions(device) == {other: 1}


def test_who_waits_waits_for_what_is_left_of_those_before() -> None:
    device = Device(places=2)
    tickets = [ticket(steps=4, estimated_s=8) for _ in range(4)]
    device.add(*tickets)
    assert device.line.left_s == 16
    device.turn()  # of one second, as long as which each of two has had; so what is left is 3 s each
    assert [ahead.wait_s for ahead in device.line.ahead().values()] == [3, 7]
    assert device.line.left_s == 11


def test_what_remains_is_what_was_estimated_and_then_what_the_steps_took() -> None:
    render = ticket(steps=10, estimated_s=5)
    assert render.remaining_s == 5
    render.run.history, render.took_s = [0.0] * 4, 8.0
    assert render.remaining_s == 12
    assert ticket().remaining_s == 0


# ----- admission -----


def test_a_queue_has_an_end_and_one_client_does_not_fill_it() -> None:
    device, room = Device(), admission.Room(Limits(max_waiting_renders=8))
    check = partial(room.check, device.line, now=0)
    device.add(*(ticket("a") for _ in range(7)))  # one is about to begin, six wait
    with pytest.raises(QueueFull, match="6 renders of this client wait already"):
        check("a")
    check("b")
    device.add(ticket("b"), ticket("b"))
    with pytest.raises(QueueFull, match="8 renders wait already"):
        check("c")


def comebacks(device: Device, room: admission.Room, *clients: str, now: float = 100) -> list[int | None]:
    """When each of those who are refused at that time is told to come back, in seconds."""
    told = []
    for client in clients:
        with pytest.raises(QueueFull) as refused:
            room.check(device.line, client, now)
        told.append(refused.value.retry_after_s)
    return told


def full(*estimates_s: float | None, clients: Sequence[str] = "a", places: int = 1) -> tuple[Device, admission.Room]:
    """A line of renders, and no room for any more."""
    device = Device(places)
    device.add(*(ticket(client, estimated_s=s) for s, client in zip(estimates_s, cycle(clients), strict=False)))
    return device, admission.Room(Limits(max_waiting_renders=1))


def test_those_who_are_refused_come_back_one_after_the_other_at_twice_the_speed_of_the_renders() -> None:
    device, room = full(6, 2, 4)
    assert comebacks(device, room, *"aaaa") == [2, 4, 6, 8]
    assert comebacks(device, room, "a", now=105) == [5]
    assert comebacks(device, room, "a", now=500) == [2]


def test_renders_that_share_steps_leave_places_sooner() -> None:
    assert comebacks(*full(8, 8, 8, places=4), "a", "a") == [1, 2]


def test_a_line_without_any_room_refuses_the_first() -> None:
    assert comebacks(Device(), admission.Room(Limits(max_waiting_renders=0)), "a") == [1]


def test_a_client_waits_for_its_own_places_only() -> None:
    device, room = full(4, 4, 4, 4, clients="ab")
    assert comebacks(device, room, *"aabba") == [4, 8, 4, 8, 12]
    assert comebacks(device, room, "c") == [6]


@pytest.mark.parametrize(("estimated_s", "first_s"), [(0.1, 1), (None, 1), (30, 15), (10_000, LATEST_S)])
def test_nobody_is_told_to_come_back_at_once_or_much_later(estimated_s: float | None, first_s: int) -> None:
    told = comebacks(*full(estimated_s, estimated_s), *"a" * 200)
    assert told[0] == first_s
    assert set(told) <= set(range(1, LATEST_S + 1))


def test_a_crowd_that_is_refused_spreads_over_the_longest_time() -> None:
    told = Counter(comebacks(*full(1, 1), *"a" * 4 * 2 * LATEST_S))
    assert set(told) == set(range(1, LATEST_S + 1))
    assert set(told.values()) == {8}


# What a render and those before it are estimated to take, the deadline, and whether it is taken.
DEADLINES: list[tuple[float | None, list[float], float | None, bool]] = [
    (None, [9], 1, True),
    (9, [9], None, True),
    (1, [], 1, True),
    (1.9, [], 1, True),
    (2.1, [], 1, False),
    (1, [0.5, 0.4], 1, True),
    (1, [0.6, 0.6], 1, False),
]


@pytest.mark.parametrize(("estimated_s", "before", "deadline_s", "taken"), DEADLINES)
def test_a_render_that_can_hardly_be_done_in_time_is_refused(
    estimated_s: float | None, before: list[float], deadline_s: float | None, taken: bool
) -> None:
    wanted, ahead = ticket(estimated_s=estimated_s), Ahead(len(before), sum(before))
    if taken:
        admission.check_deadline(wanted, ahead, deadline_s)
        return
    with pytest.raises(TooLate, match=r"takes about .* the call's deadline is in 1 s; allow more time"):
        admission.check_deadline(wanted, ahead, deadline_s)
