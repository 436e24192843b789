"""A fair queue of the renders that are not done yet: the client that used the device least comes first.

Each client is charged for the time that its renders used the device, and so is each of its programs. Of the client
that used least, the program that used least comes first, and of that program the oldest render. A new client starts
at the smallest charge of the others, not at zero: otherwise it would have the device alone until it caught up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from reverie_server.scheduler.render import Key, Render


@dataclass(frozen=True)
class Ahead:
    """How many renders come before a render, and about how many seconds of the device they take."""

    renders: int = 0
    wait_s: float = 0.0


class RenderQueue:
    """The renders of a scheduler in the order of arrival; up to `places` renders of one program share each step."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._renders: dict[Render, None] = {}
        #: The seconds that each client has used, and each program of a client.
        self._clients: dict[str, float] = {}
        self._programs: dict[tuple[str, Key], float] = {}

    def __len__(self) -> int:
        return len(self._renders)

    def __iter__(self) -> Iterator[Render]:
        return iter(self._renders)

    def __contains__(self, render: object) -> bool:
        return render in self._renders

    def add(self, render: Render) -> None:
        """Add a render that waits."""
        self._open_accounts(render)
        self._renders[render] = None

    def remove(self, render: Render) -> None:
        """Remove a render that is done."""
        del self._renders[render]
        self._close_accounts(render.client, render.key)

    def promote(self, render: Render, client: str) -> None:
        """Make a render an interactive one of a client; its place in the order of arrival stays."""
        before, render.client, render.background = render.client, client, False
        self._open_accounts(render)
        self._close_accounts(before, render.key)

    def charge(self, renders: Sequence[Render], took_s: float) -> None:
        """Charge the renders that shared a step for its time, in equal parts."""
        for render in renders:
            render.took_s += took_s
            self._clients[render.client] += took_s / len(renders)
            self._programs[render.client, render.key] += took_s / len(renders)

    @property
    def begun(self) -> int:
        """How many renders have begun."""
        return sum(render.begun_at is not None for render in self)

    @property
    def needed(self) -> Collection[Key]:
        """The programs of the renders that have begun."""
        return {render.key for render in self if render.begun_at is not None}

    @property
    def left_s(self) -> float:
        """About how many seconds the device needs for all renders."""
        return sum(render.remaining_s for render in self) / self._places

    def waiting(self, client: str | None = None) -> int:
        """Count the renders that wait, of one client or of all.

        Renders that have begun do not wait. If none has begun, the first is about to begin and is not counted either.
        """
        renders = [render for render in self if client in (None, render.client)]
        return max(0, len(renders) - max(1, sum(render.begun_at is not None for render in renders)))

    def in_order(self, *, background_first: bool = False) -> list[Render]:
        """Return all renders, the next one first: a client's second render comes after every client's first."""
        ranks: Counter[tuple[str, bool]] = Counter()
        ranked = []
        oldest = sorted(enumerate(self), key=lambda each: (self._programs[each[1].client, each[1].key], each[0]))
        for number, render in oldest:
            rank = ranks[render.client, render.background]
            ranks[render.client, render.background] += 1
            late = render.background is not background_first
            ranked.append((late, rank, self._clients[render.client], number, render))
        return [render for *_, render in sorted(ranked, key=lambda each: each[:-1])]

    def ahead(self) -> dict[Render, Ahead]:
        """Return what is before each render that has not begun."""
        begun = [render for render in self if render.begun_at is not None]
        before = Counter(render.key for render in begun)
        renders, left_s = len(begun), sum(render.remaining_s for render in begun)
        positions = {}
        for render in self.in_order():
            if render.begun_at is None:
                joins = before[render.key] == renders < self._places
                positions[render] = Ahead() if joins else Ahead(renders, left_s / self._places)
                before[render.key] += 1
                renders, left_s = renders + 1, left_s + render.remaining_s
        return positions

    def _open_accounts(self, render: Render) -> None:
        """Start to charge a render's client and program, unless they are charged already, at the smallest charge."""
        self._clients.setdefault(render.client, min(self._clients.values(), default=0.0))
        programs = [used_s for (client, _), used_s in self._programs.items() if client == render.client]
        self._programs.setdefault((render.client, render.key), min(programs, default=0.0))

    def _close_accounts(self, client: str, key: Key) -> None:
        """Forget the charges of a client and its program if no render belongs to them any more."""
        if all(other.client != client for other in self):
            del self._clients[client]
        if all((other.client, other.key) != (client, key) for other in self):
            del self._programs[client, key]
