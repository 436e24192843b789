"""Who has the device next: interactive renders before the others, clients in fair shares, nobody for ever last.

The device is given away by turns. Each client is charged for the time that its renders had, and so is each of its
programs; the next turn is for the client that had least, for its program that had least, for the oldest render of that.
Renders of one program share their turn, as many as have places in its batch. Three rules bound every wait:

* While renders of the lower class are passed over, every `PASSES`-th turn is theirs.
* Only so many renders may have begun and not ended. What cannot begin for this, or because its program finds no room in
  memory, lets nothing behind it begin: sooner or later there is room.
* Who comes anew starts where the others are, not at nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from reverie_ascent import Run
from reverie_ascent.program import ProgramKey

from reverie_server.scheduler.render import Render

#: What can share a batch: the digest of a model, and what decides the graph of a program.
Key = tuple[str, ProgramKey]

#: Turns of interactive renders after which a waiting one of the other class has one.
PASSES = 8
#: Renders that may have begun and not ended beyond the places of a batch, for each holds its state in memory ...
SUSPENDED = 3
#: ... and how many of all that may have begun are kept for interactive ones.
KEPT = 2


class Readiness(Enum):
    """Whether a render could go on now."""

    READY = auto()
    #: Its program is being loaded.
    COMING = auto()
    #: Its program has to wait for memory.
    NO_ROOM = auto()


@dataclass(eq=False)
class Ticket:
    """A render in line."""

    render: Render
    key: Key
    client: str
    #: Whether it gives way to interactive ones.
    background: bool
    run: Run
    #: What it will take in all, in seconds of the device; None when nobody knows.
    estimated_s: float | None
    #: When it was submitted.
    came: float = 0.0
    #: When it had its first place.
    begun: float | None = None
    #: Its place in the ascent of its program; None while it waits or is suspended.
    place: int | None = None
    #: Whether the thread that makes the steps answers for its end.
    held: bool = False
    #: When it was told to stop while it was held.
    stopped_at: float | None = None
    #: What its steps took so far, in seconds of the device.
    took_s: float = 0.0
    #: The position that its reader knows of.
    told: int = 0

    @property
    def remaining_s(self) -> float:
        """What is left of it, in seconds of the device; 0 when nobody knows."""
        steps, all_steps = self.run.steps, self.run.recipe.steps
        whole = self.took_s / steps * all_steps if steps else self.estimated_s or 0.0
        return whole * (all_steps - steps) / all_steps


@dataclass(frozen=True)
class Ahead:
    """What goes before a render: how many others, and about how many seconds of the device those take."""

    renders: int = 0
    wait_s: float = 0.0


class Line:
    """The renders that are not done yet, in the order of their coming; belongs to whoever holds the worker's lock."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._tickets: dict[Render, Ticket] = {}
        self._had: dict[str, float] = {}
        self._programs: dict[tuple[str, Key], float] = {}
        self._passed = 0
        self._owed = False

    def __len__(self) -> int:
        return len(self._tickets)

    def __iter__(self) -> Iterator[Ticket]:
        return iter(self._tickets.values())

    def of(self, render: Render) -> Ticket | None:
        """Return a render's ticket, or None when it is done."""
        return self._tickets.get(render)

    def add(self, ticket: Ticket) -> None:
        """Let a render wait."""
        self._had.setdefault(ticket.client, min(self._had.values(), default=0.0))
        mine = [had for (client, _), had in self._programs.items() if client == ticket.client]
        self._programs.setdefault((ticket.client, ticket.key), min(mine, default=0.0))
        self._tickets[ticket.render] = ticket

    def remove(self, ticket: Ticket) -> None:
        """Forget a render that is done."""
        del self._tickets[ticket.render]
        if all(other.client != ticket.client for other in self):
            del self._had[ticket.client]
        if all((other.client, other.key) != (ticket.client, ticket.key) for other in self):
            del self._programs[ticket.client, ticket.key]

    def charge(self, crew: Sequence[Ticket], seconds: float) -> None:
        """Charge those who shared the device for the time they had it, in equal parts."""
        for ticket in crew:
            self._had[ticket.client] += seconds / len(crew)
            self._programs[ticket.client, ticket.key] += seconds / len(crew)

    @property
    def begun(self) -> int:
        """How many have begun."""
        return sum(1 for ticket in self if ticket.begun is not None)

    def waiting(self, client: str | None = None) -> int:
        """Count those that wait, of one client or of all: all but those that have begun, and one that is about to."""
        whose = [ticket for ticket in self if client in (None, ticket.client)]
        return max(0, len(whose) - max(1, sum(1 for ticket in whose if ticket.begun is not None)))

    def turn(self, readiness: Callable[[Ticket], Readiness]) -> list[Ticket]:
        """Return who has the next turn: renders of one program, or nobody where none is ready."""
        self._owed = self._passed >= PASSES
        crew = self._crew(self._order(background_first=self._owed), readiness)
        if crew:
            passed_over = not crew[0].background and any(ticket.background for ticket in self)
            self._passed = self._passed + 1 if passed_over else 0
        return crew

    def must_yield(self, crew: Sequence[Ticket], readiness: Callable[[Ticket], Readiness]) -> bool:
        """Whether a turn has to end for an interactive render; a turn that was owed to the others does not."""
        if self._owed or not all(ticket.background for ticket in crew):
            return False
        better = self._crew(self._order(), readiness)
        return bool(better) and not better[0].background

    def ahead(self) -> dict[Ticket, Ahead]:
        """Return, for each that has not begun, what is before it."""
        before = Counter(ticket.key for ticket in self if ticket.begun is not None)
        renders, left_s = before.total(), sum(ticket.remaining_s for ticket in self if ticket.begun is not None)
        positions = {}
        for ticket in self._order():
            if ticket.begun is None:
                sits = before[ticket.key] == renders < self._places
                positions[ticket] = Ahead() if sits else Ahead(renders, left_s / self._places)
                before[ticket.key] += 1
                renders, left_s = renders + 1, left_s + ticket.remaining_s
        return positions

    @property
    def left_s(self) -> float:
        """About how many seconds the device takes for all."""
        return sum(ticket.remaining_s for ticket in self) / self._places

    def _crew(self, order: Sequence[Ticket], readiness: Callable[[Ticket], Readiness]) -> list[Ticket]:
        crew: list[Ticket] = []
        begun = Counter(ticket.background for ticket in self if ticket.begun is not None)
        shut: set[bool] = set()  # the classes of which nothing more may begin
        most = self._places + SUSPENDED
        for ticket in order:
            if len(crew) == self._places:
                break
            if crew and ticket.key != crew[0].key:
                continue
            if ticket.begun is None:
                if begun.total() >= most or (ticket.background and begun[True] >= most - KEPT):
                    shut.add(ticket.background)
                if ticket.background in shut:
                    continue
            match readiness(ticket):
                case Readiness.READY:
                    crew.append(ticket)
                    begun[ticket.background] += ticket.begun is None
                case Readiness.NO_ROOM:
                    shut |= {False, True}
                case Readiness.COMING:
                    pass
        return crew

    def _order(self, *, background_first: bool = False) -> list[Ticket]:
        """Return all, best first: a client's second render comes behind everybody's first."""
        mine: Counter[tuple[str, bool]] = Counter()
        ranked = []
        oldest = sorted(enumerate(self), key=lambda each: (self._programs[each[1].client, each[1].key], each[0]))
        for number, ticket in oldest:
            rank = mine[ticket.client, ticket.background]
            mine[ticket.client, ticket.background] += 1
            late = ticket.background is not background_first
            ranked.append((late, rank, self._had[ticket.client], number, ticket))
        return [ticket for *_, ticket in sorted(ranked, key=lambda each: each[:-1])]
