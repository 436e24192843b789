"""Products of two tensors, summed over axes they share, by ``MatMul`` and ``Mul`` alone.

Each axis of a tensor has a letter, as in Einstein's notation: ``ij,jk->ik`` is the product of two matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reverie_gradient.term import Term

Size = int | Term


@dataclass(frozen=True)
class Lettered:
    """A tensor and one letter for each of its axes."""

    term: Term
    letters: str

    def arranged(self, letters: str) -> Lettered:
        """Return the tensor with its axes in the order of ``letters``."""
        if letters == self.letters:
            return self
        return Lettered(self.term.apply("Transpose", perm=[self.letters.index(c) for c in letters]), letters)

    def summed(self, keep: str) -> Lettered:
        """Sum over all axes whose letters are not in ``keep``."""
        axes = [i for i, c in enumerate(self.letters) if c not in keep]
        if not axes:
            return self
        kept = "".join(c for c in self.letters if c in keep)
        return Lettered(self.term.apply("ReduceSum", axes, keepdims=0), kept)

    def spaced(self, letters: str) -> Term:
        """Return the tensor with an axis of size 1 for each of ``letters`` that it lacks; the rest is in that order."""
        axes = [i for i, c in enumerate(letters) if c not in self.letters]
        return self.term.apply("Unsqueeze", axes) if axes else self.term


def contract(a: Lettered, b: Lettered, keep: str, sizes: Mapping[str, Size]) -> Lettered:
    """Multiply ``a`` by ``b`` and sum over every letter that is not in ``keep``."""
    a, b = a.summed(keep + b.letters), b.summed(keep + a.letters)
    batch = "".join(c for c in a.letters if c in b.letters and c in keep)
    inner = "".join(c for c in a.letters if c in b.letters and c not in keep)
    left = "".join(c for c in a.letters if c not in b.letters)
    right = "".join(c for c in b.letters if c not in a.letters)
    result = batch + left + right
    if not inner:
        one, two = a.arranged(batch + left), b.arranged(batch + right)
        return Lettered(one.spaced(result) * two.spaced(result), result)

    lead, depth = [0] * len(batch), _product([sizes[c] for c in inner])
    rows, columns = a.arranged(batch + left + inner).term, b.arranged(batch + inner + right).term
    if (len(left), len(inner)) != (1, 1):
        rows = reshape(rows, [*lead, 0, -1] if len(left) == 1 else [*lead, -1, depth])
    if (len(inner), len(right)) != (1, 1):
        columns = reshape(columns, [*lead, 0, -1] if len(inner) == 1 else [*lead, depth, -1])
    product = rows @ columns
    if (len(left), len(right)) != (1, 1):
        product = reshape(product, [*lead, *(sizes[c] for c in left + right)])
    return Lettered(product, result)


def reshape(x: Term, dims: Sequence[Size]) -> Term:
    """Reshape ``x``; a size may be a term, a vector of one number, and 0 and -1 mean what they mean to Reshape."""
    unknown = [i for i, d in enumerate(dims) if isinstance(d, Term)]
    if len(unknown) + list(dims).count(-1) <= 1:
        return x.apply("Reshape", [-1 if isinstance(d, Term) else d for d in dims])
    first, *others = [d if isinstance(d, Term) else _length(dims, d) for d in dims]
    return x.apply("Reshape", first.apply("Concat", *others, axis=0))


def _length(dims: Sequence[Size], number: int) -> Term:
    like = next(d for d in dims if isinstance(d, Term))
    return like.constant([number])


def _product(factors: Sequence[Size]) -> Size:
    product, *others = factors
    for factor in others:
        product = product * factor
    return product
