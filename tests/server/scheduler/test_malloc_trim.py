"""Freed memory is returned to the operating system at little cost."""

from __future__ import annotations

import ctypes
import os

import numpy as np
import pytest
from reverie_server.scheduler.malloc_trim import MAX_SHARE, Heap

from tests.memory import held_mib


class Slow:
    """A heap whose trimming takes a second of a simulated clock."""

    def __init__(self) -> None:
        self.now, self.trims = 0.0, 0

    def trim(self, keep: int) -> None:
        self.trims += 1
        self.now += 1

    def clock(self) -> float:
        return self.now


def test_trimming_takes_at_most_a_hundredth_of_the_time() -> None:
    slow = Slow()
    heap = Heap(slow.trim, slow.clock)
    heap.trim()
    heap.trim()
    slow.now += 1 / MAX_SHARE - 0.1
    heap.trim()
    assert slow.trims == 1
    slow.now += 0.2
    heap.trim()
    assert slow.trims == 2


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this is not glibc")
def test_free_memory_between_blocks_in_use_is_returned() -> None:
    # Blocks so small that glibc keeps them when they are freed.
    pairs = [(np.ones(16_000, np.uint8), np.ones(100, np.uint8)) for _ in range(2000)]
    kept = [small for _, small in pairs]
    del pairs
    before = held_mib(os.getpid())
    Heap().trim()
    assert held_mib(os.getpid()) < before - 10
    assert len(kept) == 2000
