"""Train texture19 from scratch: draw the images, train against an adversary, write the folded weights.

Run from the repository's root: ``python -m demo_model.train``. Learning rate and adversary follow a schedule over the
time budget. An interrupted run continues from its checkpoint.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from demo_model.adversary import attack, normalised
from demo_model.augment import LARGE, SMALL, batch
from demo_model.evaluate import evaluate
from demo_model.network import fold, trainable
from demo_model.pool import IMAGES, draw_pool
from demo_model.precision import FAST_BFLOAT16, reduced

BUILD = Path(".build/texture19")
POOL = BUILD / "pool.npy"
PEAK_RATE, DECAY = 3e-3, 0.02
PLAIN, RAMP, CAREFUL = 0.08, 0.35, 0.8
"""Shares of the budget: without adversary; until it has its full radius; until it takes two steps, not one. The radius
is larger than what Engstrom et al. 2019 (arXiv:1906.00945) use on ImageNet, 3.0 at 224 pixels or 0.86 at 64: drawn
images bear more, and pictures get cleaner with it."""


@dataclass(frozen=True)
class Options:
    """The command line options of a training."""

    seed: int
    minutes: float
    radius: float


@dataclass
class Run:
    """The state of a training. Each core has its own; their weights stay equal."""

    network: nn.Sequential
    averaged: AveragedModel
    optimizer: torch.optim.Optimizer
    options: Options
    spent: float = 0.0
    steps: int = 0
    recent: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Return the share of the time budget that has passed."""
        return self.spent / (self.options.minutes * 60)


def start(options: Options) -> Run:
    """Start a training from random weights."""
    torch.manual_seed(options.seed)
    network = trainable().to(memory_format=torch.channels_last)
    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim == 1]
    groups = [{"params": kernels, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.998), use_buffers=True)
    return Run(network, averaged, torch.optim.AdamW(groups, lr=PEAK_RATE), options)


def save(run: Run, path: Path) -> None:
    """Write a checkpoint atomically."""
    parts = {"network": run.network, "averaged": run.averaged, "optimizer": run.optimizer}
    state = {name: part.state_dict() for name, part in parts.items()}
    torch.save(state | {"spent": run.spent, "steps": run.steps}, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def resume(run: Run, path: Path) -> None:
    """Restore the state from a checkpoint."""
    state = torch.load(path, weights_only=True)
    run.network.load_state_dict(state["network"])
    run.averaged.load_state_dict(state["averaged"])
    run.optimizer.load_state_dict(state["optimizer"])
    run.spent, run.steps = state["spent"], state["steps"]


def step(run: Run, images: NDArray[np.uint8], rng: np.random.Generator, then: float) -> None:
    """Run one training step: draw a batch, let the adversary change it, and update the weights with all cores.

    ``then`` is the time at which this core began its training, minus the time that was spent in earlier runs.
    """
    for group in run.optimizer.param_groups:
        group["lr"] = PEAK_RATE * min(1, run.share / 0.03) * (0.5 + 0.5 * math.cos(math.pi * min(1, run.share))) + 1e-5
    radius = run.options.radius * min(1, max(0, run.share - PLAIN) / (RAMP - PLAIN))
    x, y = batch(images, rng, LARGE if run.steps % 5 == 4 else SMALL)
    run.network.eval()
    x = attack(run.network, x, y, radius=radius, steps=(run.share > PLAIN) + (run.share > CAREFUL))
    run.network.train()
    with reduced():
        logits = run.network(normalised(x))
    loss = functional.cross_entropy(logits.float(), y, label_smoothing=0.05)
    run.optimizer.zero_grad()
    loss.backward()
    figures = [time.monotonic() - then, loss.item(), (logits.argmax(1) == y).float().mean().item()]
    run.spent, *recent = _mean_over_cores(run.network, figures)
    run.optimizer.step()
    run.steps += 1
    run.recent = [*run.recent[-99:], np.array(recent)]
    # Before the adversary is at full strength, averaging would only add weaker weights.
    if run.share < RAMP:
        run.averaged.n_averaged.zero_()
    run.averaged.update_parameters(run.network)


def _mean_over_cores(network: nn.Sequential, numbers: list[float]) -> list[float]:
    """Replace each gradient by its mean over the cores, and return the mean of the numbers."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients] + [torch.tensor(numbers)])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    at = 0
    for g in gradients:
        g.copy_(flat[at : at + g.numel()].view_as(g))
        at += g.numel()
    return [float(n) for n in flat[at:]]


def train(core: int, cores: int, meeting: str, options: Options) -> None:
    """Train until the time budget is spent, with one process and one thread per core; the first reports and saves.

    The processes find each other through the file ``meeting``.

    Threads within one process would wait for each other after every layer. On a machine with other load each wait costs
    a time slice: a training step took 7 times as long.
    """
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=core, world_size=cores)
    run, path = start(options), checkpoint(options.seed)
    if path.exists():
        resume(run, path)
    images = np.asarray(np.load(POOL, mmap_mode="r"))
    rng = np.random.default_rng([options.seed, core, run.steps])
    then, reported = time.monotonic() - run.spent, run.spent
    parent = mp.parent_process()
    while run.share < 1:
        if parent is not None and not parent.is_alive():
            return  # the parent was killed, and no other process would stop this one
        step(run, images, rng, then)
        if core == 0 and (run.spent - reported > 30 or run.share >= 1):
            reported = run.spent
            loss, right = np.mean(run.recent, axis=0)
            print(
                f"{run.spent / 60:5.1f} of {options.minutes:g} min  step {run.steps:6,}  "
                f"loss {loss:.3f}  right {right:.3f}",
                flush=True,
            )
            save(run, path)
    dist.destroy_process_group()


def checkpoint(seed: int) -> Path:
    """Return the path of the checkpoint for this seed."""
    return BUILD / f"seed{seed}.pt"


def main() -> None:
    """Train one network, from its checkpoint if there is one, and write its weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the weights and of the order of images")
    parser.add_argument("--minutes", type=float, default=33, help="time budget, without the drawing of images")
    parser.add_argument("--radius", type=float, default=1.25, help="the adversary's, L2, at 64 x 64 pixels")
    parser.add_argument("--half", action="store_true", help="write the weights as float16")
    parser.add_argument("--out", type=Path, default=Path("demo_model/texture19.safetensors"))
    arguments = parser.parse_args()
    options = Options(arguments.seed, arguments.minutes, arguments.radius)

    if not FAST_BFLOAT16:
        print("no bfloat16 on this processor: a step takes 2 to 3 times as long, so give it --minutes 90", flush=True)
    cores = os.cpu_count() or 1
    draw_pool(POOL, IMAGES, workers=cores)
    with TemporaryDirectory() as folder:
        mp.spawn(train, args=(cores, f"{folder}/meeting", options), nprocs=cores)

    run = start(options)
    resume(run, checkpoint(options.seed))
    network = run.averaged.module
    assert isinstance(network, nn.Sequential)
    weights = fold(network.eval())
    save_file({k: (v.half() if arguments.half else v).contiguous() for k, v in weights.items()}, arguments.out)
    checkpoint(options.seed).unlink()  # finished: the next run starts from scratch
    print(f"wrote {arguments.out}\n{evaluate(weights, radius=options.radius)}", flush=True)


if __name__ == "__main__":
    main()
