"""The store of finished pictures: it returns exactly what was written, or nothing."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from reverie_ascent.maker import Maker
from reverie_proto.options import choices
from reverie_proto.v1 import spec_pb2
from reverie_server.store import Store, StoreWriteError, UnusableStore, open_store
from reverie_server.store.breaker import Breaker
from reverie_server.store.entry import decode, encode
from reverie_server.store.folder import ABANDONED_S, PART, Folder

from tests.server.results import MAKER, DeadDisk, FullDisk, digest_of, folder_store, rendering, same

FORMATS = list(choices(spec_pb2.ImageFormat.DESCRIPTOR))

NUMBERS = itertools.count()

# Addresses of stores in the test's folder.
URLS: list[Callable[[Path], str]] = [
    lambda folder: str(folder / "results"),
    lambda folder: f"file://{folder}/results",
    lambda folder: f"memory://results{next(NUMBERS)}",
]


@pytest.fixture(params=URLS, ids=["path", "file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    store = open_store(request.param(tmp_path), MAKER)
    assert store is not None
    return store


def test_a_picture_is_read_back_unchanged(store: Store) -> None:
    assert store.get(digest_of(1)) is None
    store.put(rendering(1))
    found = store.get(digest_of(1))
    assert same(found, rendering(1))
    assert found is not None
    assert found.cached


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_encoded_to_the_bytes_it_had(store: Store, form: str) -> None:
    store.put(rendering(2, size=33))
    found = store.get(digest_of(2))
    assert found is not None
    assert found.encoded(form) == rendering(2, size=33).encoded(form)


def test_a_later_picture_replaces_an_earlier_one(store: Store) -> None:
    store.put(rendering(3))
    store.put(rendering(3, size=16))
    assert same(store.get(digest_of(3)), rendering(3, size=16))


def test_an_unknown_kind_of_address_is_refused() -> None:
    with pytest.raises(UnusableStore, match="nowhere://x"):
        open_store("nowhere://x", MAKER)
    assert open_store("off", MAKER) is None


# ----- makers -----

# Makers that differ from MAKER in one attribute, any of which may change pictures.
OTHER_MAKERS = {
    "engine": replace(MAKER, engine_version="4"),
    "runtime": replace(MAKER, onnxruntime_version="1.29.0"),
    "device": replace(MAKER, device="cuda"),
    "instruction set": replace(MAKER, instruction_set="avx512"),
    "precision": replace(MAKER, precision="exact"),
    "batch": replace(MAKER, batch=4),
    "plan": replace(MAKER, plan=64 * "b"),
}


@pytest.mark.parametrize("other", OTHER_MAKERS.values(), ids=OTHER_MAKERS)
def test_a_maker_neither_reads_nor_overwrites_entries_of_another(tmp_path: Path, other: Maker) -> None:
    mine, theirs = (Store(Folder(tmp_path), maker, None) for maker in (MAKER, other))
    mine.put(rendering(1))
    assert theirs.get(digest_of(1)) is None
    theirs.put(replace(rendering(1, maker=other), activation=7.0))
    assert same(mine.get(digest_of(1)), rendering(1))
    found = theirs.get(digest_of(1))
    assert found is not None
    assert (found.activation, found.maker) == (7.0, other.name)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([MAKER.name, other.name])


# ----- damaged entries -----

WHOLE = encode(rendering(1), MAKER)
BODY = WHOLE.index(b"\n") + 1

DAMAGED = {
    "empty": b"",
    "another file": b"\x89PNG" + WHOLE,
    "no body": WHOLE[:BODY],
    "cut short": WHOLE[:-1],
    "too long": WHOLE + b"\0",
    "a bit of the digest": WHOLE[: BODY - 2] + bytes([WHOLE[BODY - 2] ^ 1]) + WHOLE[BODY - 1 :],
    "a bit of the middle": WHOLE[:400] + bytes([WHOLE[400] ^ 16]) + WHOLE[401:],
    "zeros": bytes(len(WHOLE)),
    "another picture": encode(rendering(2), MAKER),
    **{f"another {name}": encode(rendering(1, maker=maker), maker) for name, maker in OTHER_MAKERS.items()},
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_entry_is_a_miss_and_can_be_replaced(
    data: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = folder_store(tmp_path)
    store.put(rendering(1))
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    path.write_bytes(data)
    assert store.get(digest_of(1)) is None
    assert "damaged" in caplog.text
    assert not path.exists()
    store.put(rendering(1))
    assert same(store.get(digest_of(1)), rendering(1))


def test_any_changed_bit_of_an_entry_is_detected() -> None:
    assert same(decode(WHOLE, digest_of(1), MAKER), rendering(1))
    for place in range(0, len(WHOLE), 7):
        changed = bytearray(WHOLE)
        changed[place] ^= 1 << place % 8
        with pytest.raises(Exception, match="it "):
            decode(bytes(changed), digest_of(1), MAKER)


# ----- the size limit -----


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_least_recently_used_entry_is_evicted(tmp_path: Path) -> None:
    limit = 10 * len(WHOLE)
    store = folder_store(tmp_path, limit_bytes=limit)
    for seed in range(30):
        store.put(rendering(seed))
        os.utime(next(tmp_path.rglob(digest_of(seed))), (1000 + seed, 1000 + seed))
        assert store.get(digest_of(0)) is not None  # marks it as used
    assert size(tmp_path) <= limit
    assert store.get(digest_of(29)) is not None
    assert store.get(digest_of(1)) is None


def test_entries_of_a_second_process_count_too(tmp_path: Path) -> None:
    limit = 32 * len(WHOLE)
    one, other = folder_store(tmp_path, limit_bytes=limit), folder_store(tmp_path, limit_bytes=limit)
    for seed in range(0, 128, 2):
        one.put(rendering(seed))
        other.put(rendering(seed + 1))
    assert size(tmp_path) <= limit * 9 / 8


@pytest.mark.parametrize("jump_s", [-1e9, 1e9], ids=["back", "forward"])
def test_a_clock_jump_does_not_evict_a_new_entry(
    jump_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = folder_store(tmp_path, limit_bytes=3 * len(WHOLE))
    for seed in range(8):
        store.put(rendering(seed))
    real, replace = time.time, os.replace

    def replaced(part: str, path: Path) -> None:
        os.utime(part, (real() + jump_s, real() + jump_s))
        replace(part, path)

    monkeypatch.setattr(os, "replace", replaced)
    for seed in range(8, 16):
        store.put(rendering(seed))
        assert same(store.get(digest_of(seed)), rendering(seed))


def test_half_written_files_of_a_dead_process_are_removed(tmp_path: Path) -> None:
    dead, alive = tmp_path / f"{PART}dead", tmp_path / f"{PART}alive"
    for path in (dead, alive):
        path.write_bytes(b"half")
    os.utime(dead, (time.time() - 2 * ABANDONED_S,) * 2)
    assert Folder(tmp_path).entries() == []
    assert not dead.exists()
    assert alive.exists()


def test_processes_and_threads_never_see_half_an_entry(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stores = [folder_store(tmp_path, limit_bytes=6 * len(WHOLE)) for _ in range(4)]

    def work(number: int) -> bool:
        store, seed = stores[number % 4], number % 11
        store.put(rendering(seed))
        found = store.get(digest_of(seed))
        return found is None or same(found, rendering(seed))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(400)))
    assert "damaged" not in caplog.text
    assert not list(tmp_path.rglob(f"{PART}*"))


# ----- failing storage -----


def test_a_full_disk_is_logged_once_and_not_tried_for_a_while(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = FullDisk(tmp_path)
    store = Store(disk, MAKER, None)
    for seed in range(3):
        with pytest.raises(StoreWriteError, match="No space left"):
            store.put(rendering(seed))
    assert caplog.text.count("No space left") == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    disk.full = False
    with pytest.raises(StoreWriteError, match="No space left"):  # no new attempt so soon
        store.put(rendering(0))


def test_a_folder_that_cannot_be_created_stores_and_reads_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = folder_store(tmp_path / "file" / "results")
    with pytest.raises(StoreWriteError, match="Not a directory"):
        store.put(rendering(1))
    assert store.get(digest_of(1)) is None


def test_an_unreadable_disk_is_treated_as_empty(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(DeadDisk(tmp_path), MAKER, None)
    store.put(rendering(1))
    assert store.get(digest_of(1)) is None
    assert "cannot be read" in caplog.text


def test_a_breaker_tries_again_after_its_pause(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    now = 0.0
    breaker = Breaker("the disk fails", pause_s=10, clock=lambda: now)
    assert breaker.closed()
    breaker.failed(OSError("full"))
    assert not breaker.closed()
    now = 10.0
    assert breaker.closed()
    breaker.failed(OSError("full"))
    assert caplog.text.count("full") == 1
    now = 20.0
    breaker.worked()
    assert breaker.closed()
    assert "no longer: the disk fails" in caplog.text
