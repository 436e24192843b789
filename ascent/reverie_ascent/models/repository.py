"""Reads model folders from disk, and checks their files before they are used.

A folder holds ``manifest.json`` (the message reverie.v1.Manifest), ``weights.bin`` with the weights of all layers, and
one graph per layer. A manifest is read when the repository opens. Before its first use a file is checked against its
digest, and the contents of a graph are checked too (`inspection`), because the author of a folder may not be trusted.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from reverie_proto.printable import printable
from reverie_proto.sizes import Size, described, from_message
from reverie_proto.v1 import manifest_pb2

from reverie_ascent.models.contract import breaches
from reverie_ascent.models.description import faults
from reverie_ascent.models.inspection import MAX_GRAPH_BYTES, MAX_MANIFEST_BYTES, problems
from reverie_ascent.models.weights import from_checked

MANIFEST = "manifest.json"
WEIGHTS = "weights.bin"
FORMAT_VERSION = 2
RGB = 3


class ModelError(Exception):
    """A folder of models cannot be served; the message names the file, the problem and the remedy."""


class UnknownName(ModelError, KeyError):
    """There is no model or layer with this name; the message holds the nearest names."""

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or known[:8]
        self.message = f"no {kind} {name!r}; there is {', '.join(near) if near else 'none'}"
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


def embedded_models() -> Path:
    """Return the folder in this package that holds the embedded model."""
    return Path(__file__).parents[1] / "embedded"


class Model:
    """One exported network; made by `ModelRepository`.

    ``digest`` is the SHA-256 (hex) of the manifest's bytes. Because the manifest holds the digest of every file, it
    identifies all of them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / MANIFEST
        if folder.is_symlink():
            raise ModelError(f"{folder} is a link; name the folder that it leads to, or copy that folder here")
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_MANIFEST_BYTES:
                raise ModelError(
                    f"{path} is a link or no file, or larger than {MAX_MANIFEST_BYTES} bytes, which no manifest is;"
                    " export the model again"
                )
            data = path.read_bytes()
            self.manifest = json_format.Parse(data, manifest_pb2.Manifest(), ignore_unknown_fields=True)
        except (OSError, ValueError, RecursionError, json_format.ParseError) as error:
            raise ModelError(f"{path} cannot be read: {error}; export the model again") from error
        if self.manifest.format_version != FORMAT_VERSION:
            raise ModelError(
                f"{path} has format {self.manifest.format_version} and this version of Reverie reads {FORMAT_VERSION};"
                " export the model again"
            )
        self.name: str = self.manifest.name
        self.digest = hashlib.sha256(data).hexdigest()
        self.layers: Mapping[str, manifest_pb2.ExportedLayer] = {e.layer.name: e for e in self.manifest.layers}
        self.channels: int = self.manifest.image_channels or RGB  # of the picture; older manifests do not have it
        #: Height and width that the model was made for; None if unknown.
        self.native_size = from_message(self.manifest.native_size) if self.manifest.HasField("native_size") else None
        self._aliases = {alias: name for name, e in self.layers.items() for alias in e.layer.aliases}
        self._files = {file.name: file for file in self.manifest.files}
        if len(self.layers) < len(self.manifest.layers) or len(self._files) < len(self.manifest.files):
            raise ModelError(f"{path} names a layer or a file twice; export the model again")
        if not self.name or not self.layers:
            raise ModelError(f"{path} names no model or no layers; export the model again")
        for fault in faults(self.manifest):
            raise ModelError(f"{path} is not served: {fault}; export the model again")
        for name in (*self._files, *(entry.file for entry in self.layers.values())):
            self._check_size(name)
        # A cache per model, released with it: the cache of a decorated method would keep every model alive.
        self._grid = lru_cache(maxsize=256)(self._compute_grid)

    def resolve(self, name: str) -> str:
        """Return the name of a layer from its name or an alias; raise UnknownName if there is no such layer."""
        if name in self.layers:
            return name
        if name in self._aliases:
            return self._aliases[name]
        raise UnknownName("layer", name, [*self.layers, *self._aliases])

    def graph(self, layer: str) -> ir.Model:
        """Return a new copy of the graph of a layer, whose weights are parts of `weights`.

        Raises UnknownName if there is no such layer, and ModelError if the file has changed since the export. The first
        read of a weight checks the file of weights, and raises ModelError too.
        """
        if layer not in self.layers:
            raise UnknownName("layer", layer, list(self.layers))
        model = ir.from_proto(self._proto(layer))
        from_checked(model.graph, lambda: self.weights)
        return model

    def grid(self, layer: str, size: Size) -> Size:
        """Return the height and width of a layer's activation for those of a picture; (1, 1) without positions."""
        return self._grid(layer, size)

    def verify(self) -> None:
        """Check the digest of every file and the contents of every graph; raise ModelError for the first problem."""
        graphs = {entry.file for entry in self.layers.values()}
        for layer in self.layers:
            self._proto(layer)
        for name in self._files:
            if name == WEIGHTS:
                _ = self.weights  # this checks the digest, once
            elif name not in graphs:
                self._check_digest(name, hashlib.sha256((self.folder / name).read_bytes()).hexdigest())

    @cached_property
    def weights(self) -> npt.NDArray[np.uint8]:
        """The bytes of ``weights.bin``, checked once and mapped into memory.

        The mapped file is the one that was checked, even if another file replaces it later. There is no protection
        against writes into the mapped file; `reverie export` never does that.
        """
        with (self.folder / WEIGHTS).open("rb") as file:
            # The digest is computed by reading, because mapped pages that were accessed count as this process's memory.
            self._check_digest(WEIGHTS, hashlib.file_digest(file, hashlib.sha256).hexdigest())
            if not self._files[WEIGHTS].size_bytes:
                return np.zeros(0, np.uint8)  # an empty file cannot be mapped
            mapped = np.memmap(file, np.uint8, mode="r")
        if mapped.size != self._files[WEIGHTS].size_bytes:
            raise ModelError(f"{self.folder / WEIGHTS} was written to while it was checked; export the model again")
        return mapped

    def _proto(self, layer: str) -> onnx.ModelProto:
        file = self.layers[layer].file
        if self._files[file].size_bytes > MAX_GRAPH_BYTES:
            raise ModelError(f"{self.folder / file} is larger than {MAX_GRAPH_BYTES} bytes, which no layer's graph is")
        data = (self.folder / file).read_bytes()
        self._check_digest(file, hashlib.sha256(data).hexdigest())
        try:
            proto = onnx.ModelProto.FromString(data)
        except DecodeError as error:
            raise ModelError(f"{self.folder / file} is not an ONNX graph; export the model again") from error
        weights_bytes = self._files[WEIGHTS].size_bytes if WEIGHTS in self._files else 0
        for problem in problems(proto, weights=WEIGHTS, weights_bytes=weights_bytes):
            raise ModelError(f"{self.folder / file} is not served: {problem}")
        entry = self.layers[layer].layer
        for breach in breaches(proto, channels=entry.channels, picture_channels=self.channels, spatial=entry.spatial):
            raise ModelError(f"{self.folder / file} is not served: {breach}; export the model again")
        return proto

    def _compute_grid(self, layer: str, size: Size) -> Size:
        if layer in self.layers and not self.layers[layer].layer.spatial:
            return 1, 1
        whole = self.graph(layer).graph
        forward = ir.convenience.extract(whole, [whole.inputs[0]], [whole.outputs[0]])
        forward.inputs[0].shape = ir.Shape([1, self.channels, *size])
        for node in forward:
            for value in node.outputs:
                value.shape = None
        inferred = onnx.shape_inference.infer_shapes(ir.to_proto(ir.Model(forward, ir_version=9)), data_prop=True)
        dims = [d.dim_value for d in inferred.graph.output[0].type.tensor_type.shape.dim]
        if len(dims) != 4 or not all(dims):
            raise ModelError(f"layer {layer!r} of {self.name!r} gives nothing for a picture of {described(size)} px")
        return dims[2], dims[3]

    def _check_size(self, name: str) -> None:
        path = self.folder / name
        if Path(name).name != name or name not in self._files:
            raise ModelError(f"{self.folder / MANIFEST} does not list {name!r} as a file of its own folder")
        if path.is_symlink():
            raise ModelError(f"{path} is a link; a model's files are files of its own folder")
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise ModelError(f"{path} is missing; export the model again")
        if size != self._files[name].size_bytes:
            expected = self._files[name].size_bytes
            raise ModelError(f"{path} has {size} bytes and the manifest says {expected}; export the model again")

    def _check_digest(self, name: str, digest: str) -> None:
        if digest != self._files[name].sha256:
            raise ModelError(
                f"{self.folder / name} is not what was exported: its SHA-256 differs from the manifest's;"
                " export the model again"
            )


class ModelRepository:
    """The models of some folders, each of which is a model folder or holds model folders.

    A model that cannot be served does not keep others from being served: it is in ``broken``, with the reason. Raises
    ModelError for a folder that is missing or holds no model, for a name used twice, and if no model can be served.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._models: dict[str, Model] = {}
        #: Why each model that cannot be served cannot, by its name: a sentence with a remedy.
        self.broken: dict[str, str] = {}
        for folder in folders:
            for path in _model_folders(Path(folder)):
                try:
                    model = Model(path)
                except ModelError as error:
                    self._set_aside(path.name, error)
                    continue
                if model.name in self._models:
                    other = self._models[model.name].folder
                    raise ModelError(f"{path} and {other} both hold a model named {model.name!r}; rename one of them")
                self._models[model.name] = model
        self._require_one()

    def models(self) -> list[Model]:
        """Return all models that can be served, by name."""
        return [self._models[name] for name in sorted(self._models)]

    def model(self, name: str) -> Model:
        """Return one model; raise UnknownName if there is none with this name, ModelError if it is broken."""
        if name in self.broken:
            raise ModelError(self.broken[name])
        if name not in self._models:
            raise UnknownName("model", name, sorted(self._models))
        return self._models[name]

    def verify(self) -> None:
        """Check every file of every model; those that differ become broken. Raises ModelError if none is left."""
        for model in self.models():
            try:
                model.verify()
            except (ModelError, OSError) as error:
                del self._models[model.name]
                self._set_aside(model.name, error)
        self._require_one()

    def _set_aside(self, name: str, error: Exception) -> None:
        name, number = printable(name), 1
        while name in self.broken or name in self._models:
            number += 1
            name = f"{name.removesuffix(f' ({number - 1})')} ({number})"
        self.broken[name] = str(error)

    def _require_one(self) -> None:
        if not self._models and self.broken:
            raise ModelError("; ".join(self.broken.values()))


def _model_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ModelError(f"{folder} is not a folder; make one with `reverie export SOURCE --out {folder}`")
    if _holds_manifest(folder):
        return [folder]
    # A folder whose name begins with a dot is an export that is in progress or was killed.
    folders = sorted(f for f in folder.iterdir() if _holds_manifest(f) and not f.name.startswith("."))
    if not folders:
        raise ModelError(f"{folder} holds no model; write one with `reverie export SOURCE --out {folder}`")
    return folders


def _holds_manifest(folder: Path) -> bool:
    """Return whether a folder has a manifest, be it only a link to nowhere or something else than a file."""
    return folder.is_dir() and ((folder / MANIFEST).exists() or (folder / MANIFEST).is_symlink())
