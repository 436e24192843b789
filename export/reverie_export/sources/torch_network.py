"""Networks made with torch: torchvision's by name, and any callable that returns an ``nn.Module``.

The one file that imports torch, and only inside functions: ``reverie export --help`` answers without it.
"""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from reverie_export.errors import BadSource, BadWeights, nearest
from reverie_export.sources.field_names import field_names
from reverie_export.sources.imported import imported
from reverie_export.sources.source import Floats, Normalisation, Probe, Source, digest_of
from reverie_export.sources.traced_names import traced_names

FILES = (".pth", ".pt", ".safetensors")


@dataclass(frozen=True)
class Network:
    """A module and what is known about it."""

    module: Any  # torch.nn.Module
    model: str
    weights: str
    normalisation: Normalisation
    description: str = ""
    labels: Sequence[str] = ()
    native_size_px: int = 224
    field_names: Mapping[str, str] = field(default_factory=dict)


# ----- which network -----


def torchvision_network(name: str, weights: str | None) -> Network:
    """The network that torchvision calls ``name``; ``weights`` is one of its names, a file or ``random:SEED``."""
    import torch
    import torchvision

    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise BadSource(
            f"{name!r} is not one of torchvision's classification models, not package.module:callable "
            f"and not an .onnx file{nearest(name, known)}"
        )
    named = torchvision.models.get_model_weights(name)
    weights = weights or "DEFAULT"
    chosen = None
    if weights in named.__members__:
        chosen = named[weights]
    elif not _is_random(weights) and not weights.endswith(FILES):
        raise BadWeights(
            f"{weights!r} is neither one of {name}'s weights ({', '.join(named.__members__)}), "
            f"nor a {', '.join(FILES)} file, nor random:SEED{nearest(weights, named.__members__)}"
        )

    torch.manual_seed(_seed(weights) or 0)
    with _quiet():
        module = torchvision.models.get_model(name, weights=None)
    if chosen is not None:
        try:
            state = chosen.get_state_dict(progress=False, check_hash=True)
        except (OSError, RuntimeError) as e:
            raise BadWeights(f"cannot download {chosen.url}: {e}; give a local file with --weights instead") from e
        _load(module, state, f"{name}'s {weights}")
    elif not _is_random(weights):
        _load(module, _read(Path(weights)), weights)

    about = (chosen or named["DEFAULT"]).meta
    crop = (chosen or named["DEFAULT"]).transforms()
    return Network(
        module=module,
        model=name,
        weights=(recorded := _recorded(chosen.name if chosen is not None else weights)),
        normalisation=Normalisation(mean=tuple(crop.mean), std=tuple(crop.std)),
        description=f"torchvision's {name}, weights {recorded}",
        labels=about.get("categories", ()),
        native_size_px=int(crop.crop_size[0]),
        field_names=field_names(name),
    )


def called_network(spec: str, weights: str | None) -> Network:
    """The module that ``package.module:callable`` returns.

    The callable's attributes ``mean``, ``std``, ``scale``, ``channel_order``, ``labels``, ``size`` and ``description``,
    or its module's constants of these names in capitals, say what the network is and expects; without them it takes RGB
    in [0, 1] as it is, at 224 pixels. Without ``weights`` the module is exported as it is returned.
    """
    import torch

    call = imported(spec)
    if weights is not None and not _is_random(weights) and not weights.endswith(FILES):
        raise BadWeights(f"{weights!r} is neither a {', '.join(FILES)} file nor random:SEED, as {spec} needs")
    torch.manual_seed(_seed(weights) or 0)
    try:
        with _quiet():
            module = call()
    except Exception as e:
        raise BadSource(f"{spec}() failed: {type(e).__name__}: {e}") from e
    if not isinstance(module, torch.nn.Module):
        raise BadSource(f"{spec}() returned {type(module).__name__}, not a torch.nn.Module")
    if weights is not None and not _is_random(weights):
        _load(module, _read(Path(weights)), weights)

    home = inspect.getmodule(call)

    def said(what: str, otherwise: Any) -> Any:
        return getattr(call, what, getattr(home, what.upper(), otherwise))

    return Network(
        module=module,
        model=spec,
        weights=_recorded(weights or "as built"),
        normalisation=Normalisation(
            mean=tuple(map(float, said("mean", (0.0, 0.0, 0.0)))),
            std=tuple(map(float, said("std", (1.0, 1.0, 1.0)))),
            scale=float(said("scale", 1.0)),
            channel_order=str(said("channel_order", "RGB")),
        ),
        description=str(said("description", "")),
        labels=tuple(map(str, said("labels", ()))),
        native_size_px=int(said("size", 224)),
    )


# ----- which weights -----


def _is_random(weights: str | None) -> bool:
    return weights is not None and weights.startswith("random:")


def _seed(weights: str | None) -> int | None:
    """The seed of ``random:SEED``; None for other weights."""
    if weights is None or not _is_random(weights):
        return None
    text = weights.removeprefix("random:")
    if not text.isdecimal() or int(text) >= 2**63:
        raise BadWeights(f"{weights!r}: the seed must be a whole number from 0 to 2^63 - 1")
    return int(text)


def _recorded(weights: str) -> str:
    """What the manifest says: of a file, its name and not where it lay."""
    return Path(weights).name if weights.endswith(FILES) else weights


def _read(path: Path) -> Mapping[str, Any]:
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


def _load(module: Any, state: Mapping[str, Any], origin: str) -> None:
    """Load all of ``state`` into ``module``; every key that does not fit is named at once."""
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
    module.load_state_dict(state, strict=False)  # only num_batches_tracked can be missing: old checkpoints have none


# ----- the forward graph -----


def traced(network: Network) -> Source:
    """Trace ``network`` on one picture of its native size."""
    import onnxscript
    import torch
    import torchvision

    size = network.native_size_px
    module = network.module.eval().float().requires_grad_(False)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with _quiet():
            program = torch.onnx.export(
                module,
                (torch.zeros(1, 3, size, size),),
                dynamo=True,
                opset_version=18,
                optimize=False,  # normalise.py does, and keeps the names of values
                verbose=False,
                custom_translation_table={torch.ops.aten.adaptive_avg_pool2d.default: _exact_average_pool},
            )
    except Exception as e:
        reason = str(e.__cause__ or e).strip().split("\n")[0]
        raise BadSource(
            f"torch cannot trace {network.model} on a 1x3x{size}x{size} picture: {reason} "
            f"(another size is given with --input)"
        ) from e
    assert program is not None
    state = {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}
    return Source(
        model=network.model,
        weights=network.weights,
        weights_digest=digest_of(state),
        description=network.description,
        graph=program.model,
        names=traced_names(program.exported_program, module, network.field_names),
        normalisation=network.normalisation,
        labels=network.labels,
        native_size_px=size,
        versions={
            "onnxscript": onnxscript.__version__,
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
        },
        reference=TorchReference(f"torch {torch.__version__}", program.exported_program),
    )


def resized(network: Network, size: int) -> Network:
    """The same network with another native size."""
    return replace(network, native_size_px=size)


def _exact_average_pool(self: Any, output_size: Sequence[int]) -> Any:
    """Adaptive average pooling to k x k, for maps whose sides are multiples of k: the mean of equal blocks.

    Only reshapes and means, so height and width may stay symbolic: rows are split in k and averaged, then columns.
    """
    from onnxscript import opset18 as op

    rows, columns = output_size
    if rows == columns == 1:
        return op.GlobalAveragePool(self)
    channels = self.shape[1]
    y = op.Reshape(self, op.Constant(value_ints=[0, channels * rows, -1, 0]))
    y = op.ReduceMean(y, op.Constant(value_ints=[2]), keepdims=0)
    y = op.Reshape(y, op.Constant(value_ints=[0, channels * rows * columns, -1]))
    y = op.ReduceMean(y, op.Constant(value_ints=[2]), keepdims=0)
    return op.Reshape(y, op.Constant(value_ints=[0, channels, rows, columns]))


# ----- the network itself, to compare with -----


class TorchReference:
    """The traced program run by torch in float64, operation by operation, with torch's own gradients."""

    def __init__(self, description: str, program: Any) -> None:
        self.description = description
        self._graph = program.graph
        held = {**program.constants, **program.state_dict}
        self._held = {
            spec.arg.name: held[spec.target]
            for spec in program.graph_signature.input_specs
            if spec.target is not None  # parameters, buffers and constants, by the names of their placeholders
        }
        self._converted: dict[str, Any] = {}

    def probe(self, picture: Floats, normalisation: Normalisation, values: Sequence[str]) -> Probe:
        """Run the program on ``picture`` [1, 3, H, W] up to the last of ``values`` that it reaches."""
        import torch

        image = torch.from_numpy(picture).requires_grad_()
        scale, mean, std = (
            torch.tensor(c, dtype=torch.float32).to(image.dtype).reshape(1, -1, 1, 1)
            for c in (normalisation.scale, normalisation.mean, normalisation.std)
        )
        ordered = image.flip(1) if normalisation.channel_order == "BGR" else image
        env: dict[Any, Any] = {}
        missing = set(values)
        found: dict[str, Any] = {}
        for node in self._graph.nodes:
            if node.op == "placeholder" and node.name not in self._held:
                env[node] = (scale * ordered - mean) / std
            elif node.op == "call_function" and missing:
                for used in node.all_input_nodes:
                    if used.name in self._held:
                        env[used] = self._wide(used.name)
                args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), env.__getitem__)
                try:
                    env[node] = node.target(*args, **kwargs)
                except RuntimeError:  # the network does not work at this size from here on
                    break
                if node.name in missing:
                    missing.remove(node.name)
                    found[node.name] = env[node]
        return TorchProbe(image, found)

    def _wide(self, name: str) -> Any:
        """A weight in float64, converted when it is first used: small pictures never reach a large classifier."""
        import torch

        if name not in self._converted:
            tensor = self._held[name]
            self._converted[name] = tensor.to(torch.float64) if tensor.is_floating_point() else tensor
        return self._converted[name]


@dataclass(frozen=True)
class TorchProbe:
    """One run: the picture and the watched values, with the way back recorded."""

    image: Any
    values: Mapping[str, Any]

    def activation(self, value: str) -> Floats:
        """The value of that name; raises ``KeyError`` if the network does not reach it at this size."""
        return np.asarray(self.values[value].detach().numpy())

    def gradient_distance(self, cotangents: Mapping[str, Floats], gradient: Floats) -> float:
        """The L2 distance of ``gradient`` from autograd's for the sum of all <value, cotangent>."""
        import torch

        outputs = [self.values[name] for name in cotangents]
        back = [torch.from_numpy(cotangent) for cotangent in cotangents.values()]
        (expected,) = torch.autograd.grad(outputs, self.image, back, retain_graph=True)
        return float(np.linalg.norm(gradient - expected.numpy()))


@contextmanager
def _quiet() -> Iterator[None]:
    """torch's exporter and old models warn about their own insides, which no user of ours can mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
