"""Rules for products of matrices."""

from __future__ import annotations

from collections.abc import Sequence

from reverie_gradient.shapes import sum_to
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term


@vjp("Gemm")
def _gemm(call: Call) -> Sequence[Term | None]:
    """Differentiate y = alpha A' B' + beta C, where A' and B' are A and B or their transposes."""
    a, b, dy = call.input(0), call.input(1), call.dy
    alpha, beta = call.number("alpha", 1.0), call.number("beta", 1.0)
    ta, tb = call.integer("transA", 0), call.integer("transB", 0)

    def product(left: Term, right: Term, trans_left: int, trans_right: int) -> Term:
        return left.apply("Gemm", right, alpha=alpha, transA=trans_left, transB=trans_right)

    da = product(b, dy, tb, 1) if ta else product(dy, b, 0, 1 - tb)
    db = product(dy, a, 1, ta) if tb else product(a, dy, 1 - ta, 0)
    if not call.has(2):
        return [da, db]
    dc = dy if beta == 1.0 else dy * beta
    return [da, db, sum_to(dc, call.y.dims, call.input(2))]


@vjp("MatMul")
def _matmul(call: Call) -> Sequence[Term | None]:
    a, b, dy = call.input(0), call.input(1), call.dy
    if a.rank == 1 and b.rank == 1:
        return [dy * b, dy * a]
    if b.rank == 1:  # y[..., i] = a[..., i, k] b[k]
        column = dy.apply("Unsqueeze", [-1])
        axes = list(range(a.rank - 1))
        return [column * b, (column * a).apply("ReduceSum", axes, keepdims=0)]
    if a.rank == 1:  # y[..., j] = a[k] b[..., k, j]
        row = dy.apply("Unsqueeze", [-2])
        column = a.apply("Unsqueeze", [-1])
        axes = [*range(b.rank - 2), b.rank - 1]
        return [(row * b).apply("ReduceSum", axes, keepdims=0), row * column]
    da, db = dy @ _transposed(b), _transposed(a) @ dy
    return [_sum_batch(da, call.y, a), _sum_batch(db, call.y, b)]


def _transposed(x: Term) -> Term:
    perm = list(range(x.rank))
    perm[-2:] = reversed(perm[-2:])
    return x.apply("Transpose", perm=perm)


def _sum_batch(g: Term, y: Term, x: Term) -> Term:
    """Undo the broadcasting of the batch axes; the last two are those of ``x`` already."""
    return sum_to(g, y.dims[:-2] + x.dims[-2:], x)
