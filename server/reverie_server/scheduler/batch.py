"""A loaded program, and the renders that have a place in its batch."""

from __future__ import annotations

from reverie_ascent import Ascent, Reached, Result

from reverie_server.scheduler.render import Render


class Batch:
    """The renders that share the steps of a program. Only the step loop's thread may change it or make steps."""

    def __init__(self, ascent: Ascent) -> None:
        self._ascent = ascent
        #: The renders that have a place, by place.
        self.renders: dict[int, Render] = {}
        #: Whether it has made a step.
        self.stepped = False

    @property
    def free(self) -> int:
        """How many places are free."""
        return len(self._ascent.free)

    def join(self, render: Render) -> None:
        """Give a render a place, from the next step on; raise RecipeError if it does not fit the program."""
        render.place = self._ascent.join(render.run)
        self.renders[render.place] = render

    def suspend(self, render: Render) -> None:
        """Remove a render that will continue later: it can join this batch again, or another of its program."""
        assert render.place is not None
        self._ascent.suspend(render.place)
        self._remove(render)

    def leave(self, render: Render) -> None:
        """Remove a render that will not continue."""
        assert render.place is not None
        self._ascent.leave(render.place)
        self._remove(render)

    def step(self) -> list[tuple[Render, Reached | Result]]:
        """Make one step; return what each render reached. A render that has its result is removed."""
        outcomes = [(self.renders[outcome.element], outcome) for outcome in self._ascent.step()]
        self.stepped = True
        for render, outcome in outcomes:
            if isinstance(outcome, Result):
                self._remove(render)
        return outcomes

    def _remove(self, render: Render) -> None:
        assert render.place is not None
        del self.renders[render.place]
        render.place = None
