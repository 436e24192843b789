"""Rules for Concat and Split."""

from __future__ import annotations

from collections.abc import Sequence

from reverie_gradient.shapes import expand_like, sizes, static_dims
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term


@vjp("Concat")
def _concat(call: Call) -> Sequence[Term | None]:
    axis = call.integer("axis", 0) % call.y.rank
    parts = [call.input(i) for i in range(len(call.inputs))]
    known = [static_dims(part, [axis]) for part in parts]
    if all(k is not None for k in known):
        lengths: Term | list[int] = [k[0] for k in known if k is not None]
    else:
        first, *others = [sizes(part, [axis]) for part in parts]
        lengths = first.apply("Concat", *others, axis=0)
    return list(call.dy.split(lengths, axis, len(parts)))


@vjp("Split")
def _split(call: Call) -> Sequence[Term | None]:
    axis = call.integer("axis", 0) % call.x.rank
    dys = []
    for y, dy in zip(call.outputs, call.dys, strict=True):
        assert y is not None
        dys.append(dy if dy is not None else expand_like(y.constant(0.0), y))
    first, *others = dys
    return [first.apply("Concat", *others, axis=axis)]
