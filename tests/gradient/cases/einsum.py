"""Cases of Einsum."""

from __future__ import annotations

from tests.gradient.gradcheck import Case


def einsum(equation: str, x: str, b: str | None = None, c: str | None = None, *, free: str = "XBC") -> Case:
    operands = ", ".join(n for n, shape in (("X", x), ("B", b), ("C", c)) if shape is not None)
    return Case(f'Y = Einsum <equation = "{equation}"> ({operands})', x=x, b=b, c=c, free=free)


CASES = [
    einsum("ij,jk->ik", "2,3", "3,4"),
    einsum("ij,jk", "2,3", "3,4"),
    einsum("ki,kj->ij", "3,2", "3,4"),
    einsum("bhid,bhjd->bhij", "2,2,3,4", "2,2,5,4"),
    einsum("bhij,bhjd->bihd", "2,2,3,5", "2,2,5,4"),
    einsum("bhwc,hkc->bhwk", "2,3,4,2", "3,5,2"),  # relative positions, as in MaxViT and SAM
    einsum("bijc,cde->bijde", "2,3,2,4", "4,2,3"),
    einsum("abc,bcd->ad", "2,3,4", "3,4,2"),
    einsum("abcd,cdab->", "2,3,2,2", "2,2,2,3"),
    einsum("i,j->ij", "3", "4"),
    einsum("i,i->", "3", "3"),
    einsum("i,i->i", "3", "3"),
    einsum("ij->ji", "2,3"),
    einsum("ij->", "2,3"),
    einsum("ijk->ik", "2,3,4"),
    einsum("ba", "2,3"),
    einsum("ij,k->j", "2,3", "4"),
    einsum("ij,jk,kl->il", "2,3", "3,4", "4,2"),
    einsum("i,i,i->i", "3", "3", "3"),
    einsum("a,b,ab->", "2", "3", "2,3"),
    einsum("...ij,...jk->...ik", "2,5,2,3", "2,5,3,4"),
    einsum("...ij,jk->...ik", "2,5,2,3", "3,4"),
    einsum("...ij,...jk", "1,5,2,3", "2,1,3,4", free=""),
    einsum("i...,i...->...", "2,3,1", "2,1,4", free=""),
    einsum("...,...->...", "2,3", "1,3", free="X"),
    einsum("...i->...", "2,3,4"),
    einsum(" i j , j k -> i k ", "2,3", "3,4"),
    einsum("ij,ij->ij", "2,3", "1,3", free=""),
]
