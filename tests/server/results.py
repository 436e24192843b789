"""Renderings made without a render, and storage places that fail."""

from __future__ import annotations

import errno
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from reverie_ascent.maker import Maker
from reverie_proto.v1 import spec_pb2
from reverie_server.request.events import Rendering
from reverie_server.store.folder import Folder
from reverie_server.store.store import Store

from tests.sizes import square

MAKER = Maker(
    engine_version="3",
    onnxruntime_version="1.30.0",
    device="cpu",
    instruction_set="avx2",
    precision="float32",
    batch=1,
    plan=64 * "a",
)


def digest_of(seed: int) -> str:
    return hashlib.sha256(str(seed).encode()).hexdigest()


def rendering(seed: int = 0, *, size: int = 8, maker: Maker = MAKER) -> Rendering:
    """Return a rendering whose picture depends on a seed."""
    rng = np.random.default_rng(seed)
    spec = spec_pb2.RenderSpec(model="tiny", seed=seed, steps=3, size=square(size))
    spec.objective.channel.layer = "conv1_1"
    return Rendering(
        array=rng.random((size, size, 3), np.float32),
        outcome="converged",
        outcome_detail="All 3 steps were made and the unit responds.",
        activation=float(rng.standard_normal()),
        history=rng.standard_normal(3).astype(np.float32),
        steps=3,
        spec=spec,
        spec_digest=digest_of(seed),
        maker=maker.name,
        frames=(),
        elapsed_s=0.25,
    )


def same(one: Rendering | None, other: Rendering) -> bool:
    """Return whether two renderings are equal to the last bit, except for their origin."""
    if one is None:
        return False
    arrays = (one.array, other.array), (one.history, other.history)
    rest = [replace(each, array=None, history=None, cached=False) for each in (one, other)]  # type: ignore[arg-type]
    return rest[0] == rest[1] and all(a.tobytes() == b.tobytes() and a.shape == b.shape for a, b in arrays)


def folder_store(path: Path, *, limit_bytes: int | None = None) -> Store:
    return Store(Folder(path), MAKER, limit_bytes)


class FullDisk(Folder):
    """A folder on a disk that is full while `full`."""

    full = True

    def write(self, name: str, data: bytes) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device", name)
        super().write(name, data)


class DeadDisk(Folder):
    """A folder from which nothing can be read."""

    def read(self, name: str) -> bytes | None:
        raise OSError(errno.EIO, "Input/output error", name)
