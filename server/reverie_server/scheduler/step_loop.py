"""The thread that computes: one for the device, which makes one step after the other for whoever's turn it is."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Condition

from reverie_ascent import Ascent, Reached, Result, Run
from reverie_ascent.program import build, program_key
from reverie_ascent.recipe import RecipeError
from reverie_ascent.runtime.session import Device

from reverie_server.errors import Draining, Interrupted, InvalidRequest, Violation
from reverie_server.limits import Limits
from reverie_server.observer import NOBODY, Observer
from reverie_server.request.events import Accepted, Rendering
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler import admission
from reverie_server.scheduler import progress as telling
from reverie_server.scheduler.estimate import Estimates
from reverie_server.scheduler.malloc_trim import Heap
from reverie_server.scheduler.memory import footprint
from reverie_server.scheduler.program_cache import Shelf
from reverie_server.scheduler.queue import Key, Line, Readiness, Ticket
from reverie_server.scheduler.queue_position import Moved, Standing
from reverie_server.scheduler.render import Render

log = logging.getLogger(__name__)

#: Seconds that a turn lasts while others wait; a step that has begun is finished.
TURN_S = 0.5

#: The places at which tests delay a thread, to see that nothing depends on who is first.
JOINTS = ("enqueue", "admit", "step", "finish")


@dataclass(frozen=True)
class Stats:
    """What the device has done so far, and what it has to do."""

    #: Steps of renders; several may have been made at once.
    steps: int = 0
    #: Times that the device made a step.
    runs: int = 0
    #: Steps that ended after their render had been told to stop: at most the one in progress.
    late_steps: int = 0
    #: The longest that one step took, and the longest from a render's being told to stop until its place was free.
    longest_step_s: float = 0.0
    longest_release_s: float = 0.0
    finished: int = 0
    stopped: int = 0
    failed: int = 0
    #: Programs loaded so far, those that are loaded, and about how much memory these take.
    builds: int = 0
    programs: int = 0
    program_bytes: int = 0
    waiting: int = 0
    running: int = 0


class Worker:
    """Renders what is submitted, in turns (see `line`), in a thread of its own.

    One lock guards the line and the shelf. Nobody is spoken to while it is held. A ticket that is `held` has, or is
    about to have, a place in an ascent: only the thread that makes the steps ends it.
    """

    def __init__(
        self,
        device: Device,
        limits: Limits,
        observer: Observer = NOBODY,
        *,
        load: Callable[[RenderRequest], Ascent] | None = None,
        clock: Callable[[], float] = time.perf_counter,
        joint: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.device = device
        self._observer = observer
        self._limits = limits
        self._clock, self._joint = clock, joint
        self._changed = Condition()
        self._line = Line(device.batch)
        self._room = admission.Room(limits)
        self._standing = Standing(self._line, clock)
        self._shelf = Shelf(
            load or self._load,
            room=limits.program_memory_mb * 2**20,
            changed=self._changed,
            failed=self._doom,
            observer=observer,
        )
        self._heap = Heap()
        self._doomed: list[tuple[Ticket, Exception]] = []
        self._seated: dict[Key, dict[int, Ticket]] = {}
        self._estimates = Estimates(device)
        self._footprint = lru_cache(maxsize=256)(footprint)
        # At the interpreter's exit an executor waits for its thread; a daemon thread would die inside of ONNX Runtime.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="reverie-render")
        self._working = False
        self._stir = False
        self._done = Stats()
        self._closed = False

    def estimated(self, order: RenderRequest) -> RenderRequest:
        """Return an order with what it will take, of time and of memory."""
        return replace(
            order,
            estimated_s=self._estimates.seconds(order),
            program_bytes=self._footprint(order.model, program_key(order.recipe), self.device),
        )

    def submit(
        self, order: RenderRequest, bell: Callable[[], None], *, client: str = "", deadline_s: float | None = None
    ) -> Render:
        """Take an order of a `client`, whose renders share the device fairly with those of others.

        Raises QueueFull when too many wait, TooLate when the picture can hardly be done in `deadline_s` seconds, and
        Draining after `close`.
        """
        self._joint("enqueue")
        render = Render(order, bell, self._stop)
        run = Run(order.recipe, order.frame_steps.__contains__)
        ticket = Ticket(render, _key(order), client, order.background, run, order.estimated_s, came=self._clock())
        with self._changed:
            if self._closed:
                raise Draining
            self._room.check(self._line, client, self._clock())
            self._line.add(ticket)
            try:
                ahead = self._line.ahead()[ticket]
                admission.check_deadline(ticket, ahead, deadline_s)
            except BaseException:
                self._line.remove(ticket)
                raise
            ticket.told = ahead.renders
            render.mailbox.put(Accepted(order.effective, order.digest, order.estimated_s, ticket.told))
            self._wake()
        render.mailbox.ring()
        return render

    def warm(self, order: RenderRequest) -> None:
        """Load the program of an order, and wait until it is there; raise InvalidRequest where it has no room."""
        key = _key(order)
        with self._changed:
            loaded = self._shelf.readiness(key, order, needed=self._shelf.loaded)
            coming = self._shelf.coming(key)
        if loaded is Readiness.NO_ROOM:
            problem = f"{order.described} finds no room beside the other programs; raise program_memory_mb"
            raise InvalidRequest([Violation("warm", f"{problem}, {self._limits.program_memory_mb} now")])
        if coming is not None:
            coming.result()

    def stats(self) -> Stats:
        """Return the counts at this moment."""
        with self._changed:
            return replace(
                self._done,
                waiting=self._line.waiting(),
                running=self._line.begun,
                builds=self._shelf.builds,
                programs=len(self._shelf.loaded),
                program_bytes=self._shelf.bytes,
            )

    def close(self) -> None:
        """Stop every render before its next step, and wait until the device is idle."""
        with self._changed:
            self._closed = True
            live = [ticket.render for ticket in self._line]
        for render in live:
            render.stop()
        self._executor.shutdown(wait=True)
        self._shelf.close()

    def _load(self, request: RenderRequest) -> Ascent:
        ascent = Ascent(build(request.model, request.recipe, batch=self.device.batch, device=self.device))
        self._heap.trim()  # of what loading takes for a while, glibc would keep hundreds of MiB
        return ascent

    def _wake(self) -> None:
        """Let the thread look at the line, which has changed; the lock is held."""
        self._stir = True
        self._standing.change()
        if not self._working:
            self._working = True
            self._executor.submit(self._work)
        self._changed.notify_all()

    def _stop(self, render: Render) -> None:
        """End a render that has no place; one that has is ended by the thread, before its next step."""
        with self._changed:
            ticket = self._line.of(render)
            if ticket is None:
                return
            if ticket.held:
                ticket.stopped_at = self._clock()
                return
            self._count_out(ticket, stopped=1)
        self._tell_end(ticket, Interrupted())

    def _count(self, **more: int) -> None:
        """Add to the counts; the lock is held."""
        self._done = replace(self._done, **{name: getattr(self._done, name) + n for name, n in more.items()})

    def _at_most(self, **seconds: float) -> None:
        """Keep the largest of what is measured; the lock is held."""
        self._done = replace(self._done, **{name: max(getattr(self._done, name), s) for name, s in seconds.items()})

    def _count_out(self, ticket: Ticket, **count: int) -> None:
        """Let a render be done; the lock is held."""
        self._line.remove(ticket)
        self._count(**count)
        self._wake()

    def _doom(self, key: Key, error: Exception) -> None:
        """Let the thread end all that wait for a program that cannot be loaded; the lock is held."""
        for ticket in self._line:
            if ticket.key == key and not ticket.held:
                ticket.held = True
                self._doomed.append((ticket, error))

    def _tell_end(self, ticket: Ticket, end: Rendering | BaseException) -> None:
        outcome, words = "failed", "failed"
        seconds = self._clock() - (ticket.came if ticket.begun is None else ticket.begun)
        match end:
            case Rendering():
                outcome, seconds = end.outcome, end.elapsed_s
                words = f"{outcome} in {seconds:.2f} s"
            case Interrupted():
                outcome, words = "stopped", "stopped before its end"
        order = ticket.render.order
        self._observer.rendered(outcome, seconds)
        log.info("%s: %s", words, _described(order), extra={"request_id": order.call})
        ticket.render.mailbox.post(end)

    # ----- in the thread -----

    def _work(self) -> None:
        """Make steps until nobody wants one; whatever goes wrong, nobody is left waiting."""
        try:
            while crew := self._next():
                try:
                    self._take_turn(crew)
                except BaseException as error:
                    self._give_up(crew[0].key, error)
                self._seated = {key: seated for key, seated in self._seated.items() if seated}
            self._heap.trim()
        except BaseException as error:  # such as that a process which ends loads no more programs
            with self._changed:
                lost = list(self._line)
                for ticket in lost:
                    self._count_out(ticket, failed=1)
                for key in self._seated:
                    self._shelf.drop(key)
                self._seated, self._doomed = {}, []
                self._working = False
            for ticket in lost:
                self._tell_end(ticket, error)

    def _next(self) -> list[Ticket]:
        """Wait until somebody is ready; return who has the next turn, or nobody where all are done."""
        while True:
            with self._changed:
                doomed, self._doomed = self._doomed, []
                crew = [] if doomed else self._line.turn(self._readiness)
                for ticket in crew:
                    ticket.held = True
                self._stir = False
                positions = self._standing.moved()
                if not (crew or doomed or positions):
                    if not self._line:
                        self._working = False
                        return []
                    self._changed.wait(self._standing.due_s())
            for ticket, error in doomed:
                self._end(ticket, error, failed=1)
            self._tell(positions)
            if crew:
                return crew

    def _readiness(self, ticket: Ticket) -> Readiness:
        needed = {other.key for other in self._line if other.begun is not None}
        return self._shelf.readiness(ticket.key, ticket.render.order, needed=needed)

    def _take_turn(self, crew: Sequence[Ticket]) -> None:
        key = crew[0].key
        with self._changed:
            ascent = self._shelf.use(key)
        seated = self._seated.setdefault(key, {})
        self._seat(ascent, seated, crew)
        until = self._clock() + TURN_S
        while True:
            self._free_the_stopped()
            if not seated:
                break
            self._joint("step")
            begun = self._clock()
            told = ascent.step()
            self._account(seated, told, self._clock() - begun)
            for said in told:
                self._say(seated, said)
            if self._clock() >= until or self._is_over(ascent, seated):
                break

    def _seat(self, ascent: Ascent, seated: dict[int, Ticket], crew: Sequence[Ticket]) -> None:
        """Give places to those who have none, those of others if need be."""
        coming = [ticket for ticket in crew if ticket.place is None]
        others = [place for place, ticket in seated.items() if ticket not in crew]
        for place in others[: max(0, len(coming) - len(ascent.free))]:
            ascent.suspend(place)
            self._let_go(seated.pop(place))
        for ticket in coming:
            self._joint("admit")
            if ticket.render.stopped():
                self._end(ticket, Interrupted(), stopped=1)
                continue
            try:
                ticket.place = ascent.join(ticket.run)
            except RecipeError as error:
                self._end(ticket, error, failed=1)
                continue
            seated[ticket.place] = ticket
            if ticket.begun is None:
                with self._changed:
                    ticket.begun = self._clock()
                self._observer.waited(ticket.begun - ticket.came)
                if ticket.told:
                    self._tell([Moved(ticket, 0, ticket.remaining_s)])

    def _let_go(self, ticket: Ticket) -> None:
        """Let a render that was suspended be ended by whoever stops it; end it here if that has happened."""
        ticket.place = None
        with self._changed:
            ticket.held = False
            stopped = ticket.render.stopped()
            ticket.held = stopped
        if stopped:
            self._end(ticket, Interrupted(), stopped=1)

    def _free_the_stopped(self) -> None:
        """End those that were told to stop, in all ascents, and note how long their places were still taken."""
        for key, seated in self._seated.items():
            for place, ticket in list(seated.items()):
                if ticket.render.stopped():
                    self._shelf.peek(key).leave(place)
                    del seated[place]
                    self._end(ticket, Interrupted(), stopped=1)

    def _account(self, seated: Mapping[int, Ticket], told: Iterable[Reached | Result], took_s: float) -> None:
        """Charge a step to those who made it."""
        made = [seated[said.element] for said in told if isinstance(said, Reached) and said.step]
        self._observer.stepped(took_s, len(made))
        for ticket in seated.values():
            ticket.took_s += took_s
        with self._changed:
            self._line.charge(list(seated.values()), took_s)
            late = sum(1 for ticket in made if ticket.render.stopped())
            self._count(steps=len(made), runs=1, late_steps=late)
            self._at_most(longest_step_s=took_s)

    def _say(self, seated: dict[int, Ticket], said: Reached | Result) -> None:
        """Pass on what the ascent told of a render."""
        ticket = seated[said.element]
        assert ticket.begun is not None
        order, elapsed = ticket.render.order, self._clock() - ticket.begun
        if isinstance(said, Result):
            del seated[said.element]
            self._estimates.learn(order, ticket.took_s / max(1, said.steps))
            self._end(ticket, telling.rendering(order, said, elapsed_s=elapsed), finished=1)
            return
        remaining = elapsed / max(1, said.step) * (order.recipe.steps - said.step)
        ticket.render.mailbox.post(telling.progress(order, said, elapsed_s=elapsed, remaining_s=remaining))

    def _is_over(self, ascent: Ascent, seated: Mapping[int, Ticket]) -> bool:
        """Whether a turn ends before its time: somebody may join, or has to go first."""
        with self._changed:
            over = self._stir and (bool(ascent.free) or self._line.must_yield(list(seated.values()), self._readiness))
            self._stir = False
            positions = self._standing.moved()
        self._tell(positions)
        return over

    def _tell(self, positions: Iterable[Moved]) -> None:
        for ticket, position, remaining in positions:
            ticket.render.mailbox.post(telling.waiting(ticket.render.order, position, remaining_s=remaining))

    def _give_up(self, key: Key, error: BaseException) -> None:
        """Fail all that had a place in an ascent that broke, and forget its program with it."""
        self._seated.pop(key, None)
        with self._changed:
            self._shelf.drop(key)
            lost = [ticket for ticket in self._line if ticket.held and ticket.key == key]
        for ticket in lost:
            self._end(ticket, error, failed=1)

    def _end(self, ticket: Ticket, end: Rendering | BaseException, **count: int) -> None:
        """Let a held render be done."""
        self._joint("finish")
        with self._changed:
            if ticket.stopped_at is not None:
                self._at_most(longest_release_s=self._clock() - ticket.stopped_at)
            self._count_out(ticket, **count)
        self._tell_end(ticket, end)


def _key(request: RenderRequest) -> Key:
    return request.model.digest, program_key(request.recipe)


def _described(order: RenderRequest) -> str:
    return f"{order.described}, {order.recipe.steps} steps, digest {order.digest[:12]}"
