"""``reverie check``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from reverie_proto.printable import printable
from reverie_proto.sizes import accepted, described

from reverie_export.options import Refused, network_options

ALL, SOME = 0, 1  # exit codes; of `Refused` it is 2
MOST_NAMED = 4


@click.command(short_help="Report what of an .onnx file can be exported.")
@click.argument("file", type=click.Path(path_type=Path))
@network_options
@click.option("--json", "as_json", is_flag=True, help="Print everything that was found as JSON.")
@click.option("--quick", is_flag=True, help="Do not run the network to see whether its preprocessing is right.")
@click.option("--seconds", type=click.FloatRange(min=1), help="How long it may take; by default by the file's size.")
def check(
    file: Path,
    layers: tuple[str, ...],
    overrides: Mapping[str, Any],
    as_json: bool,
    quick: bool,
    seconds: float | None,
) -> None:
    """Report, without exporting, which layers of an .onnx FILE are supported, and what blocks the others.

    The exit status is 0 if all of its layers can be exported, 1 if some can, and 2 if none can or the file is bad.
    """
    # Here, not above: --help must answer without onnx.
    from reverie_export.errors import ExportError
    from reverie_export.sandbox import survey_in_sandbox
    from reverie_export.sources.meant import is_onnx, meant

    if not is_onnx(str(file)) and (hint := meant(str(file))) is not None:
        raise Refused(hint)

    overrides = {**overrides, "preprocessing": str(overrides["preprocessing"]) if overrides["preprocessing"] else None}
    try:
        found = survey_in_sandbox(file, overrides, layers=layers, self_test=not quick, seconds=seconds)
    except ExportError as e:
        if as_json:
            click.echo(json.dumps({"file": str(file), "error": str(e)}, indent=2))
        raise Refused(str(e)) from e
    lines = [json.dumps({"file": str(file), **found}, indent=2)] if as_json else map(printable, report(file, found))
    for line in lines:
        click.echo(line)
    for warning in found["warnings"]:
        click.echo(printable(f"warning: {warning}"), err=True)
    supported = sum(layer["supported"] for layer in found["layers"])
    if not supported:
        raise Refused(f"{file}: none of its layers can be exported: {found['layers'][0]['problem']}")
    click.get_current_context().exit(ALL if supported == len(found["layers"]) else SOME)


def report(file: Path, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the survey of a file as lines of text."""
    layers = found["layers"]
    width = max(len(layer["name"]) for layer in layers)
    kinds = max(len(layer["operator"]) for layer in layers)
    sizes = max(16, *(len(_sizes(layer)) for layer in layers))
    yield f"{file}: {found['operators']} operators; {'; '.join(found['notes'])}"
    prepared = ", ".join(f"{key} {_short(value)}" for key, value in found["normalisation"].items())
    yield f"pictures of {found['channels']} channels, native size {described(found['native_size'])} px; {prepared}"
    yield ""
    for layer in layers:
        size = _sizes(layer) if layer["shape"] else "unknown size"
        shape = f"[{', '.join(map(str, layer['shape']))}]"
        state = "yes" if layer["portable"] else "yes, not portable" if layer["supported"] else "no"
        yield f"{layer['name']:{width}}  {layer['operator']:{kinds}}  {shape:20}  {size:{sizes}}  {state}"
    for title, key in (("no gradient", "missing"), ("not on every runtime", "unportable")):
        for obstacle in found[key]:
            nodes, blocks = obstacle["nodes"], obstacle["blocks"]
            yield ""
            yield f"{title}: {obstacle['operator']}, {len(nodes)} nodes ({_some(nodes)}): {obstacle['problem']}"
            yield f"  blocks {len(blocks)} layers{': ' + _some(blocks) if blocks else ''}"
    supported = sum(layer["supported"] for layer in layers)
    portable = sum(layer["portable"] for layer in layers)
    yield ""
    yield f"{supported} of {len(layers)} layers can be exported, {portable} of them portable"


def _sizes(layer: Mapping[str, Any]) -> str:
    return accepted(layer["min_size"], layer["size_multiple"], layer["fixed_size"]) + " px"


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _short(value: object) -> str:
    return (
        ",".join(f"{n:g}" for n in value)
        if isinstance(value, list)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
