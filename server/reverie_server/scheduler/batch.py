"""A loaded program, and the renders that have a place in its batch."""

from __future__ import annotations

from reverie_ascent import Ascent, Reached, Result

from reverie_server.scheduler.render import Render


class Batch:
    """The renders that share the steps of a program. Only the step loop's thread changes it, or makes steps."""

    def __init__(self, ascent: Ascent) -> None:
        self._ascent = ascent
        #: Who has a place, by place.
        self.renders: dict[int, Render] = {}

    @property
    def free(self) -> int:
        """How many places nobody has."""
        return len(self._ascent.free)

    def join(self, render: Render) -> None:
        """Give a render a place, from the next step on; raise RecipeError for one that does not fit."""
        render.place = self._ascent.join(render.run)
        self.renders[render.place] = render

    def suspend(self, render: Render) -> None:
        """Take a render's place; it can join again, here or in another batch of its program, and go on."""
        assert render.place is not None
        self._ascent.suspend(render.place)
        self._remove(render)

    def leave(self, render: Render) -> None:
        """Take the place of a render that is not to go on."""
        assert render.place is not None
        self._ascent.leave(render.place)
        self._remove(render)

    def step(self) -> list[tuple[Render, Reached | Result]]:
        """Make one step; return what each render reached, and the result of each that is done and so has left."""
        told = [(self.renders[said.element], said) for said in self._ascent.step()]
        for render, said in told:
            if isinstance(said, Result):
                self._remove(render)
        return told

    def _remove(self, render: Render) -> None:
        assert render.place is not None
        del self.renders[render.place]
        render.place = None
