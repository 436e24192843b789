"""State dicts for torch modules, from a file or a seed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reverie_export.errors import BadWeights, nearest

FILES = (".pth", ".pt", ".safetensors", ".ckpt", ".bin")
NESTED = ("state_dict", "model_state_dict", "model", "net", "network")  # the usual wrappings of a training checkpoint
SHOWN = 8  # problems of a state dict in one message


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
    for nested in NESTED:
        if isinstance(state, Mapping) and isinstance(state.get(nested), Mapping):
            state = state[nested]
    if not isinstance(state, Mapping) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise BadWeights(f"{path} holds no state dict, that is, tensors by name")
    if state and all(name.startswith("module.") for name in state):  # saved from DataParallel
        return {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return dict(state)


@dataclass(frozen=True)
class Loaded:
    """What a state dict left open; made by `load`.

    ``absent`` maps the names of weights that the network did not get to the reason; ``remarks`` are for the user.
    """

    absent: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def load(module: Any, state: Mapping[str, Any], origin: str, *, partial: bool = False) -> Loaded:
    """Load ``state`` into ``module``; raise BadWeights with every key that does not fit.

    If ``partial``, weights may be missing, of another shape or not the network's, as long as any fits: it is for the
    caller to see whether the layers asked for need what is absent.
    """
    expected = module.state_dict()
    state, remarks = _aligned(state, expected)
    missing = [k for k in expected if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in state if k not in expected]
    wrong = [k for k in expected if k in state and state[k].shape != expected[k].shape]
    absent = {k: f"{k} is missing{nearest(k, unexpected)}" for k in missing}
    shapes = {k: f"{k} has shape {list(state[k].shape)}, the network's has {list(expected[k].shape)}" for k in wrong}
    foreign = [f"{k} is not the network's{nearest(k, missing or expected)}" for k in unexpected]
    problems = [*absent.values(), *foreign, *shapes.values()]
    fitting = {k: tensor for k, tensor in state.items() if k in expected and k not in shapes}
    if problems and not (partial and fitting):
        remedy = "" if partial or not fitting else "; --layers names layers that do without what is missing"
        raise BadWeights(f"{origin} does not fit the network:\n  " + "\n  ".join(_first(problems)) + remedy)
    versioned = OrderedDict(fitting)
    # The version of each submodule: .safetensors has none, and MNASNet requires it. The current one fits.
    versioned._metadata = expected._metadata  # type: ignore[attr-defined]
    # What is absent keeps its initial numbers, and num_batches_tracked does, which old checkpoints do not have.
    module.load_state_dict(versioned, strict=False)
    if foreign:
        remarks = (
            *remarks,
            f"{origin} holds what is not used: {', '.join(_first(foreign))}",
        )
    return Loaded(absent | shapes, remarks)


def _first(problems: Sequence[str]) -> list[str]:
    """Return the problems that a message shows."""
    return [*problems[:SHOWN], *([f"... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else [])]


def _aligned(state: Mapping[str, Any], expected: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return the state dict with the keys of the network, where all that fits stands under a prefix or lacks one.

    A LightningModule saves its network as ``model.``, and the state dict of a part, such as ``vgg.features``, has no
    prefix. Keys that fit as they are stay.
    """

    def fit(candidate: Mapping[str, Any]) -> int:
        return sum(k in expected and expected[k].shape == v.shape for k, v in candidate.items())

    if fit(state) or not state:
        return state, ()
    removed = {k[: i + 1] for k in state for i, letter in enumerate(k) if letter == "."}
    added = {k[: i + 1] for k in expected for i, letter in enumerate(k) if letter == "."}
    choices = [(f"without {p!r}", {k.removeprefix(p): v for k, v in state.items()}) for p in sorted(removed)]
    choices += [(f"with {p!r} before them", {p + k: v for k, v in state.items()}) for p in sorted(added)]
    what, best = max(choices, key=lambda choice: fit(choice[1]), default=("", state))
    if not fit(best):
        return state, ()
    return best, (f"the names of the weights are taken {what}",)
