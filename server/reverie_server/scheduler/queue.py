"""A fair queue of the renders that are not done yet: the client that used the device least comes first.

Each client is charged for the time that its renders used the device, and so is each of its lanes: the renders of one
job, program and length. Of the client that used least, the lane that used least comes first, and of that lane the
oldest render. A new client starts at the smallest charge of the others, not at zero: otherwise it would have the device
alone until it caught up.

The order is kept sorted, because the scheduler reads it at every turn and a simulation of the future does so hundreds
of times. A charge moves one client only.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar


class Queued(Protocol):
    """What the queue and the policy need to know of a render; a simulated render has the same attributes."""

    @property
    def client(self) -> str:
        """The client that is charged for it."""

    @property
    def background(self) -> bool:
        """Whether interactive renders go before it."""

    @property
    def key(self) -> Any:
        """The key of its program."""

    @property
    def lane(self) -> Hashable:
        """The lane of its client that is charged for it."""

    @property
    def length(self) -> float:
        """The class of its whole time on the device; infinite if that time is not known."""

    @property
    def program_bytes(self) -> int:
        """About how much memory its program takes."""

    @property
    def begun_at(self) -> float | None:
        """When it first got a place in a batch."""

    #: Its share of the time of its steps.
    used_s: float


R = TypeVar("R", bound=Queued)
S = TypeVar("S", bound=Queued)

#: The renders of one class of priority of one client.
Group = tuple[str, bool]


class RenderQueue(Generic[R]):
    """The renders of a scheduler, with what their clients used."""

    def __init__(self) -> None:
        #: Each render's number in the order of arrival.
        self._renders: dict[R, int] = {}
        self._arrivals = 0
        #: The seconds that each client has used, and each lane of a client.
        self._clients: dict[str, float] = {}
        self._programs: dict[tuple[str, Hashable], float] = {}
        #: The renders of each group by lane, and in their order; each in the order of arrival.
        self._lanes: dict[Group, dict[Hashable, list[R]]] = {}
        self._orders: dict[Group, list[R]] = {}
        #: The groups of both classes in their order: what the client used, the number of its first render, and itself.
        self._heads: dict[bool, list[tuple[float, int, str]]] = {False: [], True: []}
        self._head: dict[Group, tuple[float, int, str]] = {}

    def __len__(self) -> int:
        return len(self._renders)

    def __iter__(self) -> Iterator[R]:
        return iter(self._renders)

    def __contains__(self, render: object) -> bool:
        return render in self._renders

    def add(self, render: R) -> None:
        """Add a render that waits."""
        self._arrivals += 1
        self._renders[render] = self._arrivals
        self._insert(render)

    def remove(self, render: R) -> None:
        """Remove a render that is done."""
        self._take_out(render, render.client, background=render.background, lane=render.lane)
        del self._renders[render]

    def move(self, render: R, change: Callable[[], None]) -> None:
        """Call `change`, which gives a render another client or priority; its place in the order of arrival stays."""
        client, background, lane = render.client, render.background, render.lane
        change()
        self._insert(render)
        self._take_out(render, client, background=background, lane=lane)

    def charge(self, renders: Sequence[R], took_s: float) -> None:
        """Charge the renders that shared steps for their time, in equal parts."""
        for render in renders:
            render.used_s += took_s / len(renders)
            self._clients[render.client] += took_s / len(renders)
            self._programs[render.client, render.lane] += took_s / len(renders)
        for client in {render.client for render in renders}:
            self._sort((client, False))
            self._sort((client, True))

    def copy(self, twins: Mapping[R, S]) -> RenderQueue[S]:
        """Return a queue in the same state, with a twin in place of each render; those without one are left out."""
        twin: RenderQueue[S] = RenderQueue()
        twin._clients = dict(self._clients)
        twin._arrivals = self._arrivals
        for render, number in self._renders.items():
            if (other := twins.get(render)) is not None:
                twin._renders[other] = number
                twin._programs[other.client, other.lane] = self._programs[render.client, render.lane]
                group = twin._lanes.setdefault((other.client, other.background), {})
                group.setdefault(other.lane, []).append(other)
        for each in twin._lanes:
            twin._sort(each)
        return twin

    @property
    def begun(self) -> int:
        """How many renders have begun."""
        return sum(render.begun_at is not None for render in self)

    @property
    def needed(self) -> Collection[Any]:
        """The programs of the renders that have begun."""
        return {render.key for render in self if render.begun_at is not None}

    @property
    def has_background(self) -> bool:
        """Whether there are background renders."""
        return bool(self._heads[True])

    def waiting(self, client: str | None = None) -> int:
        """Count the renders that wait, of one client or of all.

        Renders that have begun do not wait. If none has begun, the first is about to begin and is not counted either.
        """
        renders = [render for render in self if client in (None, render.client)]
        return max(0, len(renders) - max(1, sum(render.begun_at is not None for render in renders)))

    def in_order(self, *, background_first: bool = False) -> Iterator[R]:
        """Yield all renders, the next one first: a client's second render comes after every client's first."""
        for background in (background_first, not background_first):
            heads = self._heads[background]
            for _, _, client in heads:
                yield self._orders[client, background][0]
            rank, orders = 1, [(used_s, self._orders[client, background]) for used_s, _, client in heads]
            while orders := [each for each in orders if len(each[1]) > rank]:
                if len(orders) == 1:
                    yield from orders[0][1][rank:]
                    break
                ranked = [(used_s, self._renders[order[rank]], order[rank]) for used_s, order in orders]
                for *_, render in sorted(ranked, key=lambda each: each[:2]):
                    yield render
                rank += 1

    # ----- keeping the order -----

    def _insert(self, render: R) -> None:
        """Add a render to its lane, and open its accounts at the smallest charge unless they are open."""
        client, lane = render.client, render.lane
        if client not in self._clients:
            self._clients[client] = min(self._clients.values(), default=0.0)
        if (client, lane) not in self._programs:
            lanes = [used_s for (other, _), used_s in self._programs.items() if other == client]
            self._programs[client, lane] = min(lanes, default=0.0)
        group = (client, render.background)
        insort(self._lanes.setdefault(group, {}).setdefault(lane, []), render, key=self._renders.__getitem__)
        self._sort(group)

    def _take_out(self, render: R, client: str, *, background: bool, lane: Hashable) -> None:
        """Remove a render from a lane, and close the accounts to which no render belongs any more."""
        group, other = (client, background), (client, not background)
        self._lanes[group][lane].remove(render)
        if not self._lanes[group][lane]:
            del self._lanes[group][lane]
            if lane not in self._lanes.get(other, {}):
                del self._programs[client, lane]
        if not self._lanes[group]:
            del self._lanes[group]
            if other not in self._lanes:
                del self._clients[client]
        self._sort(group)

    def _sort(self, group: Group) -> None:
        """Put a group where it belongs, after its renders or its client's charges have changed."""
        client, background = group
        heads = self._heads[background]
        if (head := self._head.pop(group, None)) is not None:
            del heads[bisect_left(heads, head)]
        if group not in self._lanes:
            self._orders.pop(group, None)
            return
        lanes = list(self._lanes[group].items())
        if len(lanes) > 1:
            lanes.sort(key=lambda each: (self._programs[client, each[0]], self._renders[each[1][0]]))
            order = [render for _, renders in lanes for render in renders]
        else:
            order = lanes[0][1]
        self._orders[group] = order
        self._head[group] = head = (self._clients[client], self._renders[order[0]], client)
        insort(heads, head)
