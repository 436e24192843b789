"""The rule for Einsum: the gradient of each operand is the product of all the others with dy, in the same notation."""

from __future__ import annotations

from collections.abc import Sequence

from reverie_gradient.contraction import Lettered, Size, contract
from reverie_gradient.shapes import expand_like, sizes, sum_to
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term

# What an ellipsis stands for, from the last axis to the first.
ELLIPSIS = "0123456789"


@vjp("Einsum")
def _einsum(call: Call) -> Sequence[Term | None]:
    operands = [call.input(i) for i in range(len(call.inputs))]
    letters, result = _letters(call, operands)
    lengths: dict[str, Size] = {}
    for x, names in zip(operands, letters, strict=True):
        for axis, (name, size) in enumerate(zip(names, x.dims, strict=True)):
            if lengths.get(name, 1) == 1:
                lengths[name] = size if isinstance(size, int) else sizes(x, [axis])

    # An axis of size 1 that is broadcast is removed.
    flat = []
    for x, names in zip(operands, letters, strict=True):
        one = [i for i, (c, n) in enumerate(zip(names, x.dims, strict=True)) if n == 1 and lengths[c] != 1]
        term = x.apply("Squeeze", one) if one else x
        flat.append(Lettered(term, "".join(c for i, c in enumerate(names) if i not in one)))

    dxs: list[Term | None] = []
    for i, (x, names) in enumerate(zip(operands, letters, strict=True)):
        others = [f for j, f in enumerate(flat) if j != i]
        g = Lettered(call.dy, result)
        for k, other in enumerate(others):
            needed = flat[i].letters + "".join(f.letters for f in others[k + 1 :])
            g = contract(g, other, needed, lengths)
        g = g.summed(flat[i].letters)
        dx = g.arranged("".join(c for c in names if c in g.letters)).spaced(names)
        if set(flat[i].letters) - set(g.letters):  # an axis that is summed, and that nothing else has
            dx = expand_like(dx, x)
        dxs.append(_sum_broadcast(dx, x, names, operands, letters))
    return dxs


def _letters(call: Call, operands: Sequence[Term]) -> tuple[list[str], str]:
    """Return one letter for each axis of the operands and of the result; an ellipsis becomes digits."""
    left, arrow, right = call.string("equation", "").replace(" ", "").partition("->")
    terms = left.split(",")
    widths = [x.rank - len(t.replace("...", "")) for t, x in zip(terms, operands, strict=True)]
    wide = ELLIPSIS[: max(widths)][::-1]
    letters = [t.replace("...", wide[len(wide) - w :]) for t, w in zip(terms, widths, strict=True)]
    if not arrow:
        names = left.replace("...", "").replace(",", "")
        right = "..." * ("..." in left) + "".join(sorted(c for c in set(names) if names.count(c) == 1))
    for term in letters:
        if len(set(term)) < len(term):
            raise call.refuse(f"{left!r} takes a diagonal: one operand has the same index twice")
    return letters, right.replace("...", wide)


def _sum_broadcast(dx: Term, x: Term, names: str, operands: Sequence[Term], letters: Sequence[str]) -> Term:
    """Sum over axes of an ellipsis that may be broadcast, where sizes are not known."""
    wide = list(x.dims)
    for axis, name in enumerate(names):
        if name in ELLIPSIS and not isinstance(x.dims[axis], int):
            sizes_ = {o.dims[t.index(name)] for o, t in zip(operands, letters, strict=True) if name in t}
            wide[axis] = x.dims[axis] if len(sizes_) == 1 else None
    return dx if wide == list(x.dims) else sum_to(dx, wide, x)
