"""The training: a step changes the weights, a checkpoint holds the whole state, and batches consist of images."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

from demo_model.augment import LARGE, SMALL, batch, resized
from demo_model.motifs import LABELS
from demo_model.pool import draw_pool, labels, series
from demo_model.train import Options, Run, resume, save, start, step

OPTIONS = Options(seed=3, minutes=1.0, radius=1.0)
IMAGES = series(0, 2 * len(LABELS))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A training of three steps on one core, as if 20 seconds of its minute had passed."""
    meeting = tmp_path_factory.mktemp("training") / "meeting"
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=0, world_size=1)
    made, rng = start(OPTIONS), np.random.default_rng(0)
    made.spent = 20.0
    for _ in range(3):
        step(made, IMAGES, rng, time.monotonic() - made.spent)
    yield made
    dist.destroy_process_group()


def test_a_step_changes_the_weights_and_returns_its_figures(run: Run) -> None:
    fresh = start(OPTIONS)
    moved = [not torch.equal(a, b) for a, b in zip(fresh.network.parameters(), run.network.parameters(), strict=True)]
    assert all(moved)
    assert run.steps == len(run.recent) == 3
    assert all(np.isfinite(figures).all() for figures in run.recent)
    assert run.spent > 20


def test_a_checkpoint_restores_the_whole_state(run: Run, tmp_path: Path) -> None:
    save(run, tmp_path / "state.pt")
    other = start(Options(seed=4, minutes=1.0, radius=1.0))
    resume(other, tmp_path / "state.pt")
    assert (other.spent, other.steps) == (run.spent, run.steps)
    for mine, theirs in ((run.network, other.network), (run.averaged, other.averaged)):
        pairs = zip(mine.state_dict().values(), theirs.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    moments = [[s["exp_avg"] for s in r.optimizer.state_dict()["state"].values()] for r in (run, other)]
    assert moments[0]
    assert all(torch.equal(a, b) for a, b in zip(*moments, strict=True))


@pytest.mark.parametrize("side", [SMALL, LARGE])
def test_a_batch_is_of_images_with_their_classes(side: int) -> None:
    images, classes = batch(IMAGES, np.random.default_rng(1), side)
    assert images.shape[1:] == (3, side, side)
    assert 0 <= images.min() <= images.max() <= 1
    assert set(classes.tolist()) <= set(range(len(LABELS)))


def test_batches_keep_images_and_classes_together() -> None:
    plain = np.zeros_like(IMAGES) + labels(len(IMAGES))[:, None, None, None].astype(np.uint8) * 4
    images, classes = batch(plain, np.random.default_rng(2), SMALL)
    means = images.mean(dim=(1, 2, 3)).numpy()
    assert np.corrcoef(means, classes.numpy())[0, 1] > 0.9


def test_resizing_keeps_the_mean() -> None:
    small = resized(IMAGES[:4], SMALL)
    np.testing.assert_allclose(small.mean(dim=(1, 2, 3)), IMAGES[:4].mean(axis=(1, 2, 3)) / 255, atol=0.005)


def test_a_pool_is_the_training_series_and_is_drawn_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "pool.npy"
    draw_pool(path, 6, workers=1)
    np.testing.assert_array_equal(np.load(path), IMAGES[:6])
    written = path.stat().st_mtime_ns
    draw_pool(path, 6, workers=1)
    assert path.stat().st_mtime_ns == written
