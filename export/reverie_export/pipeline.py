"""Exports a network to a model folder, from reading the source to writing the manifest."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
import onnx_ir as ir
from reverie_gradient import GradientError
from reverie_proto.v1 import manifest_pb2

from reverie_export import manifest as manifests
from reverie_export.append import Appended, parse, read_encoder, with_appended
from reverie_export.errors import BadWeights, ExportError, NoLayers
from reverie_export.folder import check_free, writing
from reverie_export.geometry import Sizes
from reverie_export.layer_graph import layer_graph
from reverie_export.layers import Target, choose, find_targets
from reverie_export.normalise import normalise
from reverie_export.relevance import first_obstacle, refuse_independent, unusable
from reverie_export.self_test import warnings_about
from reverie_export.sources.open import Overrides, default_name, open_onnx_file, open_source
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


@dataclass(frozen=True)
class Rehearsal:
    """What an export would leave out and say."""

    omitted: Mapping[str, str]
    warnings: Sequence[str]


def _silent(stage: str, done: int, total: int) -> None:
    pass


def export_model(
    source: str,
    *,
    out: Path,
    weights: str | None = None,
    layers: Sequence[str] = (),
    append: Sequence[str] = (),
    name: str | None = None,
    overrides: Overrides = AS_SOURCE,
    portable: bool = False,
    force: bool = False,
    seconds: float | None = None,
    progress: Progress = _silent,
) -> Exported:
    """Export a network to the model folder ``out``/``name``.

    Args:
        source: A torchvision name, ``package.module:callable`` returning an ``nn.Module``, or an .onnx file's path.
        out: Folder of models; made if it does not exist.
        weights: A torchvision weights name (``DEFAULT`` if not given), a .pth or .safetensors file, or ``random:SEED``.
        layers: Names or aliases of layers; all if empty.
        append: ``FILE@LAYER`` or ``FILE@LAYER=NAME`` for each autoencoder (.safetensors) or matrix of directions (.npy)
            that makes a layer ``LAYER/NAME`` of an exported one.
        name: Of the model; the source's if not given.
        overrides: Size and normalisation that replace those of the source.
        portable: Leave out layers whose gradients some ONNX runtimes cannot compute.
        force: Replace a model of that name.
        seconds: Of processor time that the first reading of an .onnx file may take; by default by its size.
        progress: Called with the stage, how much of it is done, and of how much.

    Raises:
        ExportError: The export cannot be made; nothing has been written.
    """
    name = name or default_name(source)
    folder = check_free(out, name, force=force)
    requests = [parse(text) for text in append]
    appended = [Appended(request, read_encoder(request)) for request in requests]  # before the network: it is faster
    progress("reading the network", 0, 1)
    opened = open_source(source, weights=weights, overrides=overrides, layers=layers, seconds=seconds)
    made = _Export(opened, layers, portable, progress, appended)
    made.check_enough()
    with writing(folder) as partial:
        message = made.write(partial, name)
        made.check_enough()
    return Exported(folder, message, made.omitted, made.warnings)


def rehearse(path: Path, overrides: Overrides, layers: Sequence[str], progress: Progress = _silent) -> Rehearsal:
    """Do all that an export of an .onnx file does, in a folder that is removed, so that the outcome is the same.

    The file must have been read in the sandbox. Raises ExportError.
    """
    progress("reading the network", 0, 1)
    made = _Export(open_onnx_file(path, overrides), layers, portable=False, progress=progress)
    with tempfile.TemporaryDirectory() as folder:
        made.write(Path(folder), "model")
    return Rehearsal(made.omitted, made.warnings)


class _Export:
    """The layers of a network that can be exported, each with its verified graph, and why others cannot."""

    def __init__(
        self,
        opened: Source,
        layers: Sequence[str],
        portable: bool,
        progress: Progress,
        appended: Sequence[Appended] = (),
    ) -> None:
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
        self._opened, self._forward, self._asked, self._progress = opened, forward, layers, progress
        self._portable = portable
        self._targets = with_appended(choose(known, layers), known, refused, appended, forward)
        _refuse_absent(opened, self._targets)
        self.warnings = [*opened.remarks, *warnings_about(opened)]
        self.warnings += [remark for each in appended for remark in each.encoder.remarks]
        progress("reading the network", 1, 1)
        self.omitted: dict[str, str] = {}
        self._findings: dict[str, Verification] = {}
        graphs = self._compared(self._targets)
        unfit = [n for n, found in self._findings.items() if found.unfit and not all(self._targets[n].sizes.only)]
        if unfit:
            # The network itself does not take these sizes: the layers work for the size that it was made for.
            fixed = {n: replace(self._targets[n], sizes=Sizes.fixed(opened.native_size)) for n in unfit}
            self._targets |= fixed
            graphs |= self._compared(fixed)
        self.omitted |= {name: found.problem for name, found in self._findings.items() if found.problem}
        self.omitted |= refused if not layers else {}
        self._graphs = {name: graph for name, graph in graphs.items() if name not in self.omitted}
        if alone := [n for n, g in self._graphs.items() if Subject(self._targets[n], g.graph).takes_one]:
            self.warnings.append(
                f"{', '.join(alone[:4])}{f' and {len(alone) - 4} more' if len(alone) > 4 else ''}: a batch of 1 is"
                " written into the network, so these graphs take one picture at a time"
            )

    def _compared(self, targets: Mapping[str, Target]) -> dict[str, ir.Model]:
        """Make the graphs of layers and compare them with the original network."""
        graphs, omitted = _layer_graphs(
            self._forward, targets, self._opened.normalisation, self._portable, self._progress
        )
        self.omitted |= omitted
        held = {n: v.const_value.numpy() for n, v in self._forward.initializers.items() if v.const_value is not None}
        self._findings |= verify(
            [Subject(targets[name], graph.graph) for name, graph in graphs.items()],
            self._opened.reference,
            self._opened.normalisation,
            held,
            lambda done, total: self._progress("comparing with the original", done, total),
        )
        return graphs

    def check_enough(self) -> None:
        """Raise ExportError if no layer is left, or one that was asked for is not."""
        appended = {name for name, target in self._targets.items() if target.head is not None}
        asked = self.omitted if self._asked else {n: reason for n, reason in self.omitted.items() if n in appended}
        if asked:
            reasons = "\n  ".join(f"{name}: {reason}" for name, reason in list(asked.items())[:8])
            raise ExportError(f"not all of the layers asked for can be exported:\n  {reasons}")
        if not self._graphs:
            first = next(iter(self.omitted))
            raise NoLayers(f"none of the network's layers can be exported; {first}: {self.omitted[first]}")

    def write(self, folder: Path, name: str) -> manifest_pb2.Manifest:
        """Write every file of the model, the manifest last; a layer whose graph is not valid ONNX is left out."""
        self._progress("writing", 0, len(self._graphs) + 1)
        stored = write_weights(folder, self._forward, [model.graph for model in self._graphs.values()])
        files = [manifests.described(folder / WEIGHTS, stored.sha256)]
        for i, (layer, model) in enumerate(list(self._graphs.items()), start=1):
            path = folder / self._targets[layer].file
            use_external(model.graph, stored)
            onnx.save(ir.to_proto(model), path)
            try:
                onnx.checker.check_model(path, full_check=True)
                files.append(manifests.described(path))
            except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as e:
                path.unlink()
                del self._graphs[layer]
                self.omitted[layer] = f"its graph is not valid ONNX: {e}"
            self._progress("writing", i, len(self._graphs) + 1)
        verified = [(self._targets[layer], self._findings[layer]) for layer in self._graphs]
        message = manifests.manifest(name, self._opened, verified, files)
        (folder / manifests.FILE).write_text(manifests.to_json(message), encoding="utf-8")
        self._progress("writing", len(self._graphs) + 1, len(self._graphs) + 1)
        return message


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
