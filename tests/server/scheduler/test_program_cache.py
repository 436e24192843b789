"""Which programs stay in memory; the questions change nothing."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, cast

import pytest
from reverie_ascent.program import ProgramKey
from reverie_server.scheduler.program_cache import ProgramCache, Readiness
from reverie_server.scheduler.render import Key


def key(name: str) -> Key:
    return name, ProgramKey((), 16, "fourier", "none")


def keys(names: str) -> set[Key]:
    return {key(name) for name in names}


def cache(room: int, loaded: dict[str, int], loading: dict[str, int]) -> ProgramCache:
    """A cache in a state; nothing of it was dropped on the way there."""
    made = ProgramCache(room)
    for name, weight in (loaded | loading).items():
        made.reserve(key(name), weight, Future(), needed=keys("".join(loaded)))
    for name in loaded:
        made.add(key(name), cast(Any, name))
    return made


def state(programs: ProgramCache) -> object:
    return list(programs.loaded), dict(programs._bytes), set(programs._loading), programs.builds


# The room; what is loaded and what is being loaded, with its bytes; what is needed; the bytes of "x"; its readiness.
QUESTIONS: list[tuple[int, dict[str, int], dict[str, int], str, int, Readiness]] = [
    (4, {"x": 1}, {}, "", 1, Readiness.READY),
    (4, {}, {"x": 1}, "", 1, Readiness.LOADING),
    (4, {}, {}, "", 4, Readiness.LOADABLE),
    (4, {}, {}, "", 9, Readiness.LOADABLE),  # alone it is taken whatever it needs
    (4, {"a": 2}, {}, "a", 2, Readiness.LOADABLE),
    (4, {"a": 2}, {}, "a", 3, Readiness.NO_ROOM),
    (4, {"a": 2}, {}, "", 3, Readiness.LOADABLE),
    (4, {"a": 2}, {}, "", 9, Readiness.LOADABLE),
    (4, {"a": 2, "b": 2}, {}, "b", 2, Readiness.LOADABLE),
    (4, {"a": 2, "b": 2}, {}, "b", 3, Readiness.NO_ROOM),
    (4, {}, {"a": 2}, "", 2, Readiness.LOADABLE),
    (4, {}, {"a": 2}, "", 3, Readiness.NO_ROOM),  # what is being loaded does not leave
    (4, {"a": 0}, {}, "a", 5, Readiness.NO_ROOM),
]


@pytest.mark.parametrize(("room", "loaded", "loading", "needed", "weight", "wanted"), QUESTIONS)
def test_readiness_is_a_question_that_changes_nothing(
    room: int, loaded: dict[str, int], loading: dict[str, int], needed: str, weight: int, wanted: Readiness
) -> None:
    programs = cache(room, loaded, loading)
    before = state(programs)
    answers = {programs.readiness(key("x"), weight, needed=keys(needed)) for _ in range(3)}
    assert answers == {wanted}
    assert state(programs) == before


LOADABLE = [question[:-1] for question in QUESTIONS if question[-1] is Readiness.LOADABLE]


@pytest.mark.parametrize(("room", "loaded", "loading", "needed", "weight"), LOADABLE)
def test_what_can_be_loaded_finds_room_and_what_is_needed_stays(
    room: int, loaded: dict[str, int], loading: dict[str, int], needed: str, weight: int
) -> None:
    programs = cache(room, loaded, loading)
    programs.reserve(key("x"), weight, Future(), needed=keys(needed))
    assert keys(needed) <= set(programs.loaded)
    assert programs.bytes <= room or programs._bytes.keys() == keys("x")
    assert programs.readiness(key("x"), weight, needed=keys(needed)) is Readiness.LOADING
    programs.add(key("x"), cast(Any, "x"))
    assert programs.readiness(key("x"), weight, needed=keys(needed)) is Readiness.READY


def test_the_least_recently_used_leaves_first_and_no_more_than_have_to() -> None:
    programs = cache(3, {"a": 1, "b": 1, "c": 1}, {})
    assert programs.use(key("a")) is cast(Any, "a")
    programs.reserve(key("x"), 1, Future(), needed=())
    assert list(programs.loaded) == [key("c"), key("a")]


def test_what_cannot_be_loaded_leaves_nothing_and_may_be_asked_for_again() -> None:
    programs = cache(3, {}, {"x": 2})
    programs.drop(key("x"))
    assert (programs.bytes, programs.loading(key("x"))) == (0, None)
    assert programs.readiness(key("x"), 2, needed=()) is Readiness.LOADABLE
