"""Traces a torch module into a forward graph."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from reverie_export.errors import BadSource
from reverie_export.sources import one_dimension
from reverie_export.sources.network import Network, quiet
from reverie_export.sources.source import Source, digest_of
from reverie_export.sources.torch_reference import TorchReference
from reverie_export.sources.traced_names import traced_names
from reverie_export.sources.translations import attention, exact_average_pool
from reverie_export.sources.untraceable import refusal


def traced(network: Network) -> Source:
    """Trace ``network`` on one picture of its native size."""
    import onnxscript
    import torch
    import torchvision

    size = network.native_size
    shape = (1, network.channels, *size)
    module = network.module.eval().float().requires_grad_(False)
    try:
        with quiet():
            program = torch.onnx.export(
                module,
                (torch.zeros(shape),),
                dynamo=True,
                opset_version=18,
                optimize=False,  # normalise.py does that, and keeps the names of values
                verbose=False,
                custom_translation_table={
                    torch.ops.aten.adaptive_avg_pool2d.default: exact_average_pool,
                    torch.ops.aten.scaled_dot_product_attention.default: attention,
                },
            )
    except Exception as e:
        cause = e.__cause__ or e
        if one_dimension.is_one_dimensional(network.module, cause):
            raise BadSource(one_dimension.refusal(network.model)) from e
        raise BadSource(refusal(network.model, shape, cause)) from e
    assert program is not None
    lacking = network.loaded.absent
    state = {name: tensor.detach().numpy() for name, tensor in module.state_dict().items() if name not in lacking}
    return Source(
        model=network.model,
        weights=network.weights,
        weights_digest=digest_of(state),
        description=network.description,
        graph=program.model,
        names=traced_names(program.exported_program, module, network.field_names),
        normalisation=network.normalisation,
        labels=network.labels,
        native_size=size,
        versions={
            "onnxscript": onnxscript.__version__,
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            **network.versions,
        },
        reference=TorchReference(f"torch {torch.__version__}", program.exported_program),
        remarks=network.loaded.remarks,
        absent=_depending(program.model.graph, lacking),
    )


def _depending(graph: ir.Graph, lacking: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return, for each value that depends on weights of these names, what is said of those weights."""
    if not lacking:
        return {}
    found: dict[str, dict[str, None]] = {name: {reason: None} for name, reason in lacking.items()}
    for node in graph:
        reasons = [found.get(v.name or "", {}) for v in node.inputs if v is not None]
        for value in node.outputs:
            found[value.name or ""] = {reason: None for each in reasons for reason in each}
    return {name: tuple(reasons) for name, reasons in found.items() if reasons}
