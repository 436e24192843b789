"""A traced network evaluated by torch, as reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reverie_export.relative import scale_of
from reverie_export.sources.source import Claim, Floats, Normalisation, Probe


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
        """Return a weight in float64, converted on first use: small pictures never reach a large classifier."""
        import torch

        if name not in self._converted:
            tensor = self._held[name]
            self._converted[name] = tensor.to(torch.float64) if tensor.is_floating_point() else tensor
        return self._converted[name]


@dataclass(frozen=True)
class TorchProbe:
    """One run: the picture and the recorded values, with their autograd graph."""

    image: Any
    values: Mapping[str, Any]

    def activation(self, value: str) -> Floats:
        """Return the value of that name; raises ``KeyError`` if the network cannot compute it at this size."""
        return np.asarray(self.values[value].detach().numpy())

    def gradient_errors(self, claims: Sequence[Claim], tolerance: float) -> Sequence[float]:
        """Compare the sum of all claims with autograd's gradient; if that is too far off, halve the claims.

        One backward pass serves any number of claims. Each counts alike, because gradients are scaled to length 1, and
        as cotangents are random the errors of two claims do not cancel.
        """
        if not claims:
            return []
        error = self._error(claims)
        if error <= tolerance or len(claims) == 1:
            return [error] * len(claims)
        half = len(claims) // 2
        return [*self.gradient_errors(claims[:half], tolerance), *self.gradient_errors(claims[half:], tolerance)]

    def _error(self, claims: Sequence[Claim]) -> float:
        import torch

        scales = [scale_of(claim.gradient) for claim in claims]
        total = sum(scale * claim.gradient.astype(np.float64) for scale, claim in zip(scales, claims, strict=True))
        outputs = [self.values[claim.value] for claim in claims]
        back = [torch.from_numpy(s * c.cotangent.astype(np.float64)) for s, c in zip(scales, claims, strict=True)]
        (expected,) = torch.autograd.grad(outputs, self.image, back, retain_graph=True)
        error = float(np.linalg.norm(total - expected.numpy()))
        return error if np.isfinite(error) else np.inf
