"""Which programs stay in memory; queries do not change the cache."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, cast

import pytest
from reverie_ascent.program import program_key
from reverie_ascent.recipe import Recipe, Term
from reverie_server.scheduler.program_cache import ProgramCache, Readiness
from reverie_server.scheduler.render import Key


def key(name: str) -> Key:
    recipe = Recipe((Term("channel", name),), (16, 16), steps=1, learning_rate=1, seed=0, transforms=())
    return name, program_key(recipe)


def keys(names: str) -> set[Key]:
    return {key(name) for name in names}


def cache(room: int, loaded: dict[str, int], loading: dict[str, int]) -> ProgramCache[Key, Any]:
    """Return a cache with the given programs, none of which was evicted."""
    made: ProgramCache[Key, Any] = ProgramCache(room)
    for name, weight in (loaded | loading).items():
        made.reserve(key(name), weight, Future(), needed=keys("".join(loaded)))
    for name in loaded:
        made.add(key(name), cast(Any, name))
    return made


def state(programs: ProgramCache[Key, Any]) -> object:
    return list(programs.loaded), dict(programs._bytes), set(programs._loading), programs.builds


# The limit; loaded programs and those being loaded, with their bytes; needed programs; the bytes of "x"; its readiness.
QUESTIONS: list[tuple[int, dict[str, int], dict[str, int], str, int, Readiness]] = [
    (4, {"x": 1}, {}, "", 1, Readiness.READY),
    (4, {}, {"x": 1}, "", 1, Readiness.LOADING),
    (4, {}, {}, "", 4, Readiness.LOADABLE),
    (4, {}, {}, "", 9, Readiness.LOADABLE),  # a program of any size may be the only one
    (4, {"a": 2}, {}, "a", 2, Readiness.LOADABLE),
    (4, {"a": 2}, {}, "a", 3, Readiness.NO_ROOM),
    (4, {"a": 2}, {}, "", 3, Readiness.LOADABLE),
    (4, {"a": 2}, {}, "", 9, Readiness.LOADABLE),
    (4, {"a": 2, "b": 2}, {}, "b", 2, Readiness.LOADABLE),
    (4, {"a": 2, "b": 2}, {}, "b", 3, Readiness.NO_ROOM),
    (4, {}, {"a": 2}, "", 2, Readiness.LOADABLE),
    (4, {}, {"a": 2}, "", 3, Readiness.NO_ROOM),  # a program that is being loaded is not evicted
    (4, {"a": 0}, {}, "a", 5, Readiness.NO_ROOM),
]


@pytest.mark.parametrize(("room", "loaded", "loading", "needed", "weight", "wanted"), QUESTIONS)
def test_readiness_changes_nothing(
    room: int, loaded: dict[str, int], loading: dict[str, int], needed: str, weight: int, wanted: Readiness
) -> None:
    programs = cache(room, loaded, loading)
    before = state(programs)
    answers = {programs.readiness(key("x"), weight, needed=keys(needed)) for _ in range(3)}
    assert answers == {wanted}
    assert state(programs) == before


LOADABLE = [question[:-1] for question in QUESTIONS if question[-1] is Readiness.LOADABLE]


@pytest.mark.parametrize(("room", "loaded", "loading", "needed", "weight"), LOADABLE)
def test_loading_evicts_only_programs_that_are_not_needed(
    room: int, loaded: dict[str, int], loading: dict[str, int], needed: str, weight: int
) -> None:
    programs = cache(room, loaded, loading)
    programs.reserve(key("x"), weight, Future(), needed=keys(needed))
    assert keys(needed) <= set(programs.loaded)
    assert programs.bytes <= room or programs._bytes.keys() == keys("x")
    assert programs.readiness(key("x"), weight, needed=keys(needed)) is Readiness.LOADING
    programs.add(key("x"), cast(Any, "x"))
    assert programs.readiness(key("x"), weight, needed=keys(needed)) is Readiness.READY


def test_the_least_recently_used_is_evicted_first_and_no_more_than_necessary() -> None:
    programs = cache(3, {"a": 1, "b": 1, "c": 1}, {})
    assert programs.use(key("a")) is cast(Any, "a")
    programs.reserve(key("x"), 1, Future(), needed=())
    assert list(programs.loaded) == [key("c"), key("a")]


def test_a_failed_load_leaves_nothing_and_may_be_tried_again() -> None:
    programs = cache(3, {}, {"x": 2})
    programs.drop(key("x"))
    assert (programs.bytes, programs.loading(key("x"))) == (0, None)
    assert programs.readiness(key("x"), 2, needed=()) is Readiness.LOADABLE


def test_a_copy_has_the_same_state_under_other_names_and_shares_nothing() -> None:
    original = cache(9, {"a": 1, "b": 2}, {"c": 3})
    before, copy = state(original), original.copy({key(name): name.upper() for name in "abc"}, None)
    assert (list(copy.loaded), list(copy.being_loaded), copy.bytes) == (["A", "B"], ["C"], 6)
    copy.reserve("D", 5, Future(), needed={"B"})
    assert list(copy.loaded) == ["B"]
    copy.add("C", None)
    assert state(original) == before
