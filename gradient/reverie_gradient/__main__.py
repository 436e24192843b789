"""``python -m reverie_gradient model.onnx --of logits --wrt image -o out.onnx``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import onnx
import onnx_ir as ir

from reverie_gradient.errors import GradientError
from reverie_gradient.files import read_model, write_model
from reverie_gradient.model import with_gradient

FAILED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the model with its gradient, or list its values; return the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        if given.list:
            sys.stdout.writelines(f"{_printable(line)}\n" for line in listing(read_model(given.model)))
            return 0
        if absent := [f"--{name}" for name in ("of", "wrt", "output") if not getattr(given, name)]:
            parser.error(f"{', '.join(absent)} must be given; --list shows the values of the model")
        if given.output.resolve() == given.model.resolve():
            raise GradientError(f"{str(given.output)!r} is the model itself; write to another file")
        built = with_gradient(read_model(given.model), of=given.of, wrt=given.wrt, folder=given.model.parent)
        write_model(built, given.output, source=given.model)
    except GradientError as error:
        print(_printable(f"{parser.prog}: {error}"), file=sys.stderr)
        return FAILED
    gradients = ", ".join(f"{name}_gradient" for name in given.wrt)
    print(_printable(f"{given.output}: feed {given.of}_cotangent, fetch {gradients}"))
    return 0


def listing(model: onnx.ModelProto) -> Iterator[str]:
    """Yield a line for each value that ``--of`` and ``--wrt`` may name: name, type and shape, where it comes from."""
    graph = ir.from_proto(onnx.shape_inference.infer_shapes(model)).graph
    outputs = set(graph.outputs)
    kinds: dict[ir.Value, str] = dict.fromkeys(graph.initializers.values(), "weights")
    kinds |= {value: "input" for value in graph.inputs if value not in kinds}
    kinds |= {value: node.op_type for node in graph for value in node.outputs if value.name}
    for value, kind in kinds.items():
        if value.dtype is None or value.dtype.is_floating_point():
            note = ", an output" if value in outputs else ""
            yield f"{value.name}  {value.dtype or 'type unknown'}{value.shape or ''}  {kind}{note}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(_printable(message))


def _printable(text: str) -> str:
    """Return a text on one line; names in a file may hold newlines, and sequences that control a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m reverie_gradient",
        description="Add to an ONNX model the gradient of one of its values with respect to others.",
    )
    parser.add_argument("model", type=Path, help="an ONNX model")
    parser.add_argument("--of", metavar="NAME", help="the value to differentiate")
    parser.add_argument("--wrt", metavar="NAME", action="append", help="what to differentiate by; may be repeated")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="the model to write")
    parser.add_argument("--list", action="store_true", help="list the values of the model and write nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
