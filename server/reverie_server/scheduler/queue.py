"""The renders that are not done yet, and in which order the device is due to them.

Each client is charged for the time that its renders had on the device, and so is each of its programs. The client that
had least comes first, with its program that had least, and of that the render that came first. Who comes anew starts
where the others are, not at nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from reverie_server.scheduler.render import Key, Render


@dataclass(frozen=True)
class Ahead:
    """What goes before a render: how many others, and about how many seconds of the device those take."""

    renders: int = 0
    wait_s: float = 0.0


class RenderQueue:
    """The renders of a scheduler, in the order of their coming; `places` of one program share each step."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._renders: dict[Render, None] = {}
        #: The seconds that each client had, and each program of a client.
        self._clients: dict[str, float] = {}
        self._programs: dict[tuple[str, Key], float] = {}

    def __len__(self) -> int:
        return len(self._renders)

    def __iter__(self) -> Iterator[Render]:
        return iter(self._renders)

    def __contains__(self, render: object) -> bool:
        return render in self._renders

    def add(self, render: Render) -> None:
        """Let a render wait."""
        self._enter(render)
        self._renders[render] = None

    def remove(self, render: Render) -> None:
        """Forget a render that is done."""
        del self._renders[render]
        self._forget(render.client, render.key)

    def promote(self, render: Render, client: str) -> None:
        """Let a render be an interactive one of a client; its place in the order of coming stays."""
        before, render.client, render.background = render.client, client, False
        self._enter(render)
        self._forget(before, render.key)

    def charge(self, renders: Sequence[Render], took_s: float) -> None:
        """Charge those who shared a step for its time, in equal parts."""
        for render in renders:
            render.took_s += took_s
            self._clients[render.client] += took_s / len(renders)
            self._programs[render.client, render.key] += took_s / len(renders)

    @property
    def begun(self) -> int:
        """How many have begun."""
        return sum(render.begun_at is not None for render in self)

    @property
    def needed(self) -> Collection[Key]:
        """The programs of the renders that have begun."""
        return {render.key for render in self if render.begun_at is not None}

    @property
    def left_s(self) -> float:
        """About how many seconds the device takes for all."""
        return sum(render.remaining_s for render in self) / self._places

    def waiting(self, client: str | None = None) -> int:
        """Count those that wait, of one client or of all: all but those that have begun, and one that is about to."""
        whose = [render for render in self if client in (None, render.client)]
        return max(0, len(whose) - max(1, sum(render.begun_at is not None for render in whose)))

    def in_order(self, *, background_first: bool = False) -> list[Render]:
        """Return all, best first: a client's second render comes behind everybody's first."""
        mine: Counter[tuple[str, bool]] = Counter()
        ranked = []
        oldest = sorted(enumerate(self), key=lambda each: (self._programs[each[1].client, each[1].key], each[0]))
        for number, render in oldest:
            rank = mine[render.client, render.background]
            mine[render.client, render.background] += 1
            late = render.background is not background_first
            ranked.append((late, rank, self._clients[render.client], number, render))
        return [render for *_, render in sorted(ranked, key=lambda each: each[:-1])]

    def ahead(self) -> dict[Render, Ahead]:
        """Return, for each that has not begun, what is before it."""
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

    def _enter(self, render: Render) -> None:
        """Let a render's client and program have a share, from where the others are."""
        self._clients.setdefault(render.client, min(self._clients.values(), default=0.0))
        mine = [had for (client, _), had in self._programs.items() if client == render.client]
        self._programs.setdefault((render.client, render.key), min(mine, default=0.0))

    def _forget(self, client: str, key: Key) -> None:
        """Forget the shares of a client and its program where no render has them any more."""
        if all(other.client != client for other in self):
            del self._clients[client]
        if all((other.client, other.key) != (client, key) for other in self):
            del self._programs[client, key]
