"""State dicts for torch modules, from a file or a seed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reverie_export.errors import BadWeights, nearest

FILES = (".pth", ".pt", ".safetensors")


def is_random(weights: str | None) -> bool:
    """Whether ``weights`` has the form ``random:SEED``."""
    return weights is not None and weights.startswith("random:")


def seed(weights: str | None) -> int | None:
    """The seed of ``random:SEED``; None for other weights."""
    if weights is None or not is_random(weights):
        return None
    text = weights.removeprefix("random:")
    if not text.isdecimal() or int(text) >= 2**63:
        raise BadWeights(f"{weights!r}: the seed must be a whole number from 0 to 2^63 - 1")
    return int(text)


@contextmanager
def seeded(number: int | None) -> Iterator[None]:
    """Let torch draw random numbers by a seed, 0 where there is none; afterwards its generator is as it was before."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number or 0)
        yield


def recorded(weights: str) -> str:
    """Return what the manifest records: of a file its name, not its path."""
    return Path(weights).name if weights.endswith(FILES) else weights


def read(path: Path) -> Mapping[str, Any]:
    """The state dict in ``path``; pickled code is never run."""
    import safetensors.torch
    import torch

    if not path.is_file():
        siblings = [p.name for p in path.parent.iterdir() if p.suffix in FILES] if path.parent.is_dir() else []
        raise BadWeights(f"no file {path}{nearest(path.name, siblings)}")
    state: Any
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as e:
        reason = str(e).strip().split("\n")[0]
        raise BadWeights(
            f"cannot read {path} ({path.stat().st_size} bytes): it is truncated, or holds more than tensors: {reason}"
        ) from e
    for nested in ("state_dict", "model_state_dict", "model"):  # the usual wrappings of a training checkpoint
        if isinstance(state, Mapping) and isinstance(state.get(nested), Mapping):
            state = state[nested]
    if not isinstance(state, Mapping) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise BadWeights(f"{path} holds no state dict, that is, tensors by name")
    if state and all(name.startswith("module.") for name in state):  # saved from DataParallel
        return {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return dict(state)


def load(module: Any, state: Mapping[str, Any], origin: str) -> None:
    """Load all of ``state`` into ``module``; raise BadWeights with every key that does not fit."""
    expected = module.state_dict()
    missing = [k for k in expected if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in state if k not in expected]
    wrong = [k for k in expected if k in state and state[k].shape != expected[k].shape]
    problems = (
        [f"{k} is missing{nearest(k, unexpected)}" for k in missing]
        + [f"{k} is not the network's{nearest(k, missing or expected)}" for k in unexpected]
        + [f"{k} has shape {list(state[k].shape)}, the network's has {list(expected[k].shape)}" for k in wrong]
    )
    if problems:
        shown = problems[:8] + ([f"... and {len(problems) - 8} more"] if len(problems) > 8 else [])
        raise BadWeights(f"{origin} does not fit the network:\n  " + "\n  ".join(shown))
    versioned = OrderedDict(state)
    # The version of each submodule: .safetensors has none, and MNASNet requires it. The current one fits.
    versioned._metadata = expected._metadata  # type: ignore[attr-defined]
    # Only num_batches_tracked can be missing: old checkpoints have none.
    module.load_state_dict(versioned, strict=False)
