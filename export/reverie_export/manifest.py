"""The description of an exported model: the message reverie.v1.Manifest as JSON."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path

import onnx
import onnx_ir as ir
from google.protobuf import json_format
from reverie_proto.sizes import Size, to_message
from reverie_proto.v1 import catalog_pb2, manifest_pb2, size_pb2

from reverie_export.layers import Target
from reverie_export.normalise import OPSET
from reverie_export.sources.source import Source
from reverie_export.verify import Verification

FILE = "manifest.json"
FORMAT_VERSION = 2


def manifest(
    name: str,
    source: Source,
    layers: Sequence[tuple[Target, Verification]],
    files: Sequence[manifest_pb2.File],
) -> manifest_pb2.Manifest:
    """Describe a model and every file of its folder."""
    written = {target.name for target, _ in layers}
    return manifest_pb2.Manifest(
        format_version=FORMAT_VERSION,
        name=name,
        description=source.description,
        reverie_version=importlib.metadata.version("reverie"),
        opset=OPSET,
        source=manifest_pb2.Source(
            model=source.model,
            weights=source.weights,
            weights_digest=source.weights_digest,
            versions={"onnx": onnx.__version__, "onnx_ir": ir.__version__, **source.versions},
        ),
        normalisation=manifest_pb2.Normalisation(
            scale=source.normalisation.scale,
            mean=source.normalisation.mean,
            std=source.normalisation.std,
            channel_order=source.normalisation.channel_order,
        ),
        labels=source.labels,
        native_size=to_message(source.native_size),
        image_channels=source.channels,
        layers=[_layer(target, verification, written) for target, verification in layers],
        files=files,
    )


def _layer(target: Target, verification: Verification, written: set[str]) -> manifest_pb2.ExportedLayer:
    return manifest_pb2.ExportedLayer(
        layer=catalog_pb2.Layer(
            name=target.name,
            aliases=target.aliases,
            operator=target.operator,
            channels=target.channels,
            spatial=target.spatial,
            stride=_unless_zero(target.stride),
            receptive_field=_unless_zero(target.receptive_field),
            min_size=to_message(target.sizes.least),
            size_multiple=to_message(target.sizes.multiple),
            fixed_size=_unless_zero(target.sizes.only),
            recommended=target.recommended,
            kind=target.kind,
        ),
        file=target.file,
        preactivation=target.preactivation if target.preactivation in written else "",
        verification=manifest_pb2.Verification(
            reference=verification.reference,
            sizes=map(to_message, verification.sizes),
            activation_error=verification.activation_error,
            gradient_error=verification.gradient_error,
        ),
    )


def _unless_zero(size: Size) -> size_pb2.Size | None:
    """Return the message of a size, or None, which leaves the field out, if it is 0 x 0."""
    return to_message(size) if any(size) else None


def described(path: Path, sha256: str = "") -> manifest_pb2.File:
    """Return the entry of one file; its digest is computed unless it is given."""
    digest = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    return manifest_pb2.File(name=path.name, size_bytes=path.stat().st_size, sha256=digest)


def to_json(message: manifest_pb2.Manifest) -> str:
    """Return the manifest as JSON, with the field names of the .proto, sorted and indented."""
    fields = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
