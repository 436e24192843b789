"""Exports a network to a model folder, from reading the source to writing the manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
import onnx_ir as ir
from reverie_gradient import GradientError
from reverie_proto.v1 import manifest_pb2

from reverie_export import manifest as manifests
from reverie_export.errors import BadWeights, ExportError, NoLayers
from reverie_export.folder import check_free, writing
from reverie_export.geometry import Sizes
from reverie_export.layer_graph import layer_graph
from reverie_export.layers import Target, choose, find_targets
from reverie_export.normalise import normalise
from reverie_export.relevance import first_obstacle, refuse_independent, unusable
from reverie_export.self_test import warnings_about
from reverie_export.sources.open import Overrides, default_name, open_source
from reverie_export.sources.source import Normalisation, Source
from reverie_export.verify import Subject, Verification, verify
from reverie_export.weights import FILE as WEIGHTS
from reverie_export.weights import use_external, write_weights

Progress = Callable[[str, int, int], None]  # stage, how much of it is done, of how much
AS_SOURCE = Overrides()
MOST_NAMED = 8  # layers or weights in one message


@dataclass(frozen=True)
class Exported:
    """The result of an export."""

    folder: Path
    manifest: manifest_pb2.Manifest
    omitted: Mapping[str, str]  # layers that were not written, with the reason
    warnings: Sequence[str] = ()  # sentences for the user


def _silent(stage: str, done: int, total: int) -> None:
    pass


def export_model(
    source: str,
    *,
    out: Path,
    weights: str | None = None,
    layers: Sequence[str] = (),
    name: str | None = None,
    overrides: Overrides = AS_SOURCE,
    portable: bool = False,
    force: bool = False,
    progress: Progress = _silent,
) -> Exported:
    """Export a network to the model folder ``out``/``name``.

    Args:
        source: A torchvision name, ``package.module:callable`` returning an ``nn.Module``, or an .onnx file's path.
        out: Folder of models; made if it does not exist.
        weights: A torchvision weights name (``DEFAULT`` if not given), a .pth or .safetensors file, or ``random:SEED``.
        layers: Names or aliases of layers; all if empty.
        name: Of the model; the source's if not given.
        overrides: Size and normalisation that replace those of the source.
        portable: Leave out layers whose gradients some ONNX runtimes cannot compute.
        force: Replace a model of that name.
        progress: Called with the stage, how much of it is done, and of how much.

    Raises:
        ExportError: The export cannot be made; nothing has been written.
    """
    name = name or default_name(source)
    folder = check_free(out, name, force=force)
    progress("reading the network", 0, 1)
    opened = open_source(source, weights=weights, overrides=overrides, partial=bool(layers))
    warnings = [*opened.remarks, *warnings_about(opened)]
    refuse_independent(opened, layers)
    names = normalise(opened.graph, opened.names)
    forward = opened.graph.graph
    try:
        known = find_targets(forward, names, opened.native_size)
    except NoLayers as e:
        raise NoLayers(f"{e}{first_obstacle(forward)}") from e
    refused = unusable(forward, names, known.values())
    if reasons := [f"{name}: {refused[name]}" for name in layers if name in refused]:
        raise ExportError(f"cannot be exported: {'; '.join(reasons)}")
    targets = choose(known, layers)
    _refuse_absent(opened, targets)
    progress("reading the network", 1, 1)

    graphs, omitted = _layer_graphs(forward, targets, opened.normalisation, portable, progress)
    findings = _compare(opened, targets, graphs, progress)
    if unfit := [name for name, found in findings.items() if found.unfit and not all(targets[name].sizes.only)]:
        # The network itself does not take these sizes: the layers work for the size that it was made for.
        targets |= {name: replace(targets[name], sizes=Sizes.fixed(opened.native_size)) for name in unfit}
        again, _ = _layer_graphs(forward, {n: targets[n] for n in unfit}, opened.normalisation, portable, progress)
        graphs |= again
        findings |= _compare(opened, targets, again, progress)
    omitted |= {name: found.problem for name, found in findings.items() if found.problem}
    omitted |= refused if not layers else {}
    good = {name: graph for name, graph in graphs.items() if name not in omitted}
    _check_enough(good, omitted, layers)

    with writing(folder) as partial:
        message = _write(partial, name, opened, [(targets[n], g, findings[n]) for n, g in good.items()], progress)
    if alone := [name for name, graph in good.items() if Subject(targets[name], graph.graph).takes_one]:
        warnings.append(
            f"{', '.join(alone[:4])}{f' and {len(alone) - 4} more' if len(alone) > 4 else ''}: a batch of 1 is written"
            " into the network, so these graphs take one picture at a time"
        )
    return Exported(folder, message, omitted, warnings)


def _refuse_absent(source: Source, targets: Mapping[str, Target]) -> None:
    """Raise BadWeights if a layer that was asked for needs weights that the file of weights does not hold."""
    needed = {name: reasons for name, target in targets.items() if (reasons := source.absent.get(target.value))}
    if needed:
        reasons = list(dict.fromkeys(reason for each in needed.values() for reason in each))
        shown = [*reasons[:MOST_NAMED], *([f"... and {len(reasons) - MOST_NAMED} more"] * (len(reasons) > MOST_NAMED))]
        lines = "".join(f"\n  {reason}" for reason in shown)
        raise BadWeights(f"{source.weights} lacks what {', '.join(list(needed)[:MOST_NAMED])} needs:{lines}")


def _layer_graphs(
    forward: ir.Graph, targets: Mapping[str, Target], normalisation: Normalisation, portable: bool, progress: Progress
) -> tuple[dict[str, ir.Model], dict[str, str]]:
    """Return a graph for each target, and the reason for those that have none."""
    graphs: dict[str, ir.Model] = {}
    omitted: dict[str, str] = {}
    for i, (name, target) in enumerate(targets.items(), start=1):
        try:
            graphs[name] = layer_graph(forward, target, normalisation, portable=portable)
        except GradientError as e:
            omitted[name] = str(e)
        except (ArithmeticError, LookupError, TypeError, ValueError) as e:  # raised by what arranges a layer, too
            omitted[name] = f"its operators contradict each other: {e}"
        progress("differentiating", i, len(targets))
    return graphs, omitted


def _compare(
    source: Source, targets: Mapping[str, Target], graphs: Mapping[str, ir.Model], progress: Progress
) -> dict[str, Verification]:
    """Compare the graphs of layers with the original network."""
    initializers = source.graph.graph.initializers
    held = {name: v.const_value.numpy() for name, v in initializers.items() if v.const_value is not None}
    return verify(
        [Subject(targets[name], graph.graph) for name, graph in graphs.items()],
        source.reference,
        source.normalisation,
        held,
        lambda done, total: progress("comparing with the original", done, total),
    )


def _check_enough(good: Mapping[str, ir.Model], omitted: Mapping[str, str], asked: Sequence[str]) -> None:
    reasons = "\n  ".join(f"{name}: {reason}" for name, reason in list(omitted.items())[:8])
    if asked and omitted:
        raise ExportError(f"not all of the layers asked for can be exported:\n  {reasons}")
    if not good:
        first = next(iter(omitted))
        raise NoLayers(f"none of the network's layers can be exported; {first}: {omitted[first]}")


def _write(
    folder: Path,
    name: str,
    source: Source,
    layers: Sequence[tuple[Target, ir.Model, Verification]],
    progress: Progress,
) -> manifest_pb2.Manifest:
    """Write every file of the model, the manifest last."""
    progress("writing", 0, len(layers) + 1)
    stored = write_weights(folder, source.graph.graph, [model.graph for _, model, _ in layers])
    files = [manifests.described(folder / WEIGHTS, stored.sha256)]
    for i, (target, model, _) in enumerate(layers, start=1):
        path = folder / target.file
        use_external(model.graph, stored)
        onnx.save(ir.to_proto(model), path)
        try:
            onnx.checker.check_model(path, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as e:
            raise ExportError(f"the graph of {target.name} is not valid ONNX: {e}") from e
        files.append(manifests.described(path))
        progress("writing", i, len(layers) + 1)
    message = manifests.manifest(name, source, [(target, found) for target, _, found in layers], files)
    (folder / manifests.FILE).write_text(manifests.to_json(message), encoding="utf-8")
    progress("writing", len(layers) + 1, len(layers) + 1)
    return message
