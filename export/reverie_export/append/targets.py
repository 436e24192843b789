"""The layers that ``--append`` adds to a network's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from reverie_export.append.encoder import Encoder, Head, initializer_of, tensors
from reverie_export.append.request import ENCODED, Request
from reverie_export.errors import BadOption, BadWeights, ExportError, UnknownLayer, nearest
from reverie_export.layers import Target


@dataclass(frozen=True)
class Appended:
    """A request and the encoder in its file."""

    request: Request
    encoder: Encoder


def with_appended(
    chosen: Mapping[str, Target],
    known: Mapping[str, Target],
    refused: Mapping[str, str],
    appended: Sequence[Appended],
    forward: ir.Graph,
) -> dict[str, Target]:
    """Return the layers of ``chosen`` with those that are appended behind each; ``forward`` gets their weights.

    ``known`` are all layers of the network, and ``refused`` has the reasons for values that are none. Raises
    UnknownLayer, BadWeights or BadOption.
    """
    made: dict[str, list[Target]] = {}
    taken = {name for target in known.values() for name in (target.name, *target.aliases)}
    files = {target.file.lower(): target.name for target in known.values()}
    for each in appended:
        base = _base(each.request, chosen, known, refused)
        for target in _layers(each, base):
            clash = target.name if target.name in taken else files.get(target.file.lower())
            if clash is not None:
                raise BadOption(
                    f"{each.request}: the layer {target.name!r} would have the name or the file of {clash!r}; give it"
                    f" another name, as in --append {each.request.file}@{each.request.layer}=NAME"
                )
            aliases = tuple(alias for alias in target.aliases if alias not in taken)
            taken.update((target.name, *aliases))
            files[target.file.lower()] = target.name
            made.setdefault(base.name, []).append(replace(target, aliases=aliases))
            assert isinstance(target.head, Head)
            for tensor in target.head.weights.values():
                if tensor.name not in forward.initializers:
                    forward.register_initializer(initializer_of(tensor))
    return {t.name: t for target in chosen.values() for t in (target, *made.get(target.name, ()))}


def _base(
    request: Request, chosen: Mapping[str, Target], known: Mapping[str, Target], refused: Mapping[str, str]
) -> Target:
    """Return the layer that the request names."""
    by_name = {alias: target for target in known.values() for alias in target.aliases} | dict(known)
    target = by_name.get(request.layer)
    if target is None and request.layer in refused:
        raise ExportError(f"{request}: {request.layer} cannot be exported: {refused[request.layer]}")
    if target is None:
        raise UnknownLayer(f"{request}: the network has no layer {request.layer!r}{nearest(request.layer, by_name)}")
    if target.name not in chosen:
        raise UnknownLayer(
            f"{request}: {target.name} is not among the layers that are exported, {', '.join(list(chosen)[:8])}; add it"
            " to --layers"
        )
    return target


def _layers(each: Appended, base: Target) -> list[Target]:
    """Return the layer of the pre-activation and, where the activation is known, of that."""
    request, encoder = each.request, each.encoder
    if encoder.channels != base.channels:
        turned = "; it may have to be transposed" if encoder.count == base.channels else ""
        raise BadWeights(
            f"{request}: it is for {encoder.channels} channels, and {base.name} has {base.channels}; name the layer"
            f" that it was made for{turned}"
        )
    if encoder.normalises and encoder.channels == 1:
        raise BadWeights(f"{request}: the deviation of 1 channel, by which layer_norm divides, does not exist")
    scope = f"append.{base.name}.{request.name}"
    head = Head(encoder, tensors(encoder, scope, spatial=base.spatial), base.spatial)
    pre = replace(
        base,
        name=f"{base.name}/{request.name}",
        aliases=tuple(f"{alias}/{request.name}" for alias in base.aliases),
        operator=head.operator,
        channels=encoder.count,
        preactivation="",
        kind="linear",
        recommended=True,
        head=head,
    )
    if encoder.activation is None:
        return [pre]
    after = replace(head, encoded=True)
    encoded = replace(
        pre,
        name=f"{pre.name}/{ENCODED}",
        aliases=tuple(f"{alias}/{ENCODED}" for alias in pre.aliases),
        operator=after.operator,
        preactivation=pre.name,
        kind="activation",
        recommended=False,
        head=after,
    )
    return [pre, encoded]
