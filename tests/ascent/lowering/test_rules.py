"""Each operator on rows, compared with the operator on [N, C, H, W]; it is lowered at any cost."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import pytest
from reverie_ascent.lowering import tiling
from reverie_ascent.lowering.rules import ONE, RULES

from tests.ascent.lowering.rewriting import both, lower_all

RESIZE = '<mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor">'
POOL = "<kernel_shape = [2, 2], strides = [2, 2]>"
PADDED = "<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>"


@dataclass(frozen=True)
class Case:
    """A graph: ``body`` computes ``Y`` from ``X`` [N, 8, H, W] and constants; ``lowered`` are the lowered operators.

    ``w`` is a kernel [8, 8, 3, 3], ``v`` the same for [4, 8], ``u`` one of 1 x 1, ``b`` and ``c`` biases of 8 and 4,
    ``s`` a number per channel, ``two`` the scales of doubling.
    """

    body: str
    y: tuple[int, int, int, int] = (1, 8, 9, 10)
    x: tuple[int, int, int, int] = (1, 8, 9, 10)
    without: tuple[str, ...] = field(default=())

    @property
    def lowered(self) -> set[str]:
        return set(re.findall(r"= (\w+)", re.sub("<[^>]*>", "", self.body))) - {*self.without}


EVEN, HALF, TWICE = (2, 8, 10, 12), (2, 8, 5, 6), (2, 8, 20, 24)

CASES = [
    # --- convolutions: bias or none, batches, several chunks, sides that tiles do not divide ---
    Case(f"Y = Conv {PADDED} (X, w)"),
    Case(f"Y = Conv {PADDED} (X, w, b)", EVEN, EVEN),
    Case(f"Y = Conv {PADDED} (X, w, b)", (3, 8, 1, 1), (3, 8, 1, 1)),
    Case(f"Y = Conv {PADDED} (X, w, b)", (1, 8, 60, 61), (1, 8, 60, 61)),
    Case(f"a = Conv {PADDED} (X, w, b) r = Relu(a) Y = Conv {PADDED} (r, w, b)"),
    Case(f"a = Conv {PADDED} (X, w, b) r = Sigmoid(a) Y = Conv {PADDED} (r, w)"),  # zeros around, not Sigmoid(0)
    Case(f"Y = Conv {PADDED} (X, v, c)", (1, 4, 9, 10)),  # narrow: it gives [N, C, H, W]
    Case(f"a = Conv {PADDED} (X, w, b) h = HardSigmoid(X) m = Mul(a, h) Y = Conv {PADDED} (m, v)", (1, 4, 9, 10)),
    Case(
        f"a = Conv {PADDED} (X, w, b) r = Relu(a) p = MaxPool {POOL} (r) Y = Conv {PADDED} (p, w)",
        (2, 8, 24, 30),
        (2, 8, 49, 61),
    ),
    Case("Y = Conv(X, u, b)"),
    Case(f"a = Conv(X, u, b) Y = Conv {PADDED} (a, w)"),  # the padding is 0 and not the bias
    Case(f"a = Conv {PADDED} (X, w, b) r = Resize {RESIZE} (a, , two) Y = Conv {PADDED} (r, w)", TWICE, EVEN),
    Case(f"r = Resize {RESIZE} (X, , two) Y = Conv(r, u, b)", TWICE, EVEN),
    # --- elementwise ---
    *(Case(f"p = Abs(X) q = Sqrt(p) Y = {op}(q)" if op == "Sqrt" else f"Y = {op}(X)") for op in sorted(ONE)),
    *(Case(f"a = Conv {PADDED} (X, w) e = {op}(a) Y = Conv {PADDED} (e, w)") for op in sorted(ONE - {"Sqrt"})),
    Case(f"r = Resize {RESIZE} (X, , two) Y = HardSigmoid <alpha = 3.0, beta = 0.0> (r)", TWICE, EVEN),
    *(Case(f"a = Conv {PADDED} (X, w, b) Y = {op}(a, X)", without=()) for op in ("Add", "Sub", "Mul", "Max", "Min")),
    *(Case(f"Y = {op}(X, s)") for op in ("Add", "Sub", "Mul", "Div", "Max", "Min")),
    Case("e = Exp(X) Y = Div(s, e)"),
    Case("e = Exp(X) Y = Div(X, e)"),
    Case(f"a = Conv {PADDED} (X, w) e = Sub(a, s) Y = Conv {PADDED} (e, w)"),
    Case(f"a = Conv {PADDED} (X, w) Y = Sum(X, a, X)"),
    *(
        Case(
            f"a = Conv {PADDED} (X, w) p = MaxPool {POOL} (a) r = Resize {RESIZE} (p, , two) Y = {op}({pair})",
            EVEN,
            EVEN,
        )
        for op in ("Add", "Sub", "Mul", "Max")
        for pair in ("a, r", "r, a")
    ),
    Case(f"p = MaxPool {POOL} (X) q = Resize {RESIZE} (p, , two) Y = Mul(q, q)", EVEN, EVEN),
    Case(f"p = MaxPool {POOL} (X) q = Resize {RESIZE} (p, , two) Y = Mul(X, q)", EVEN, EVEN),
    Case("Y = BatchNormalization <epsilon = 0.0> (X, minus, zero, zero, one)"),
    Case("Y = BatchNormalization(X, b, b, zero, one)"),
    Case(f"r = Resize {RESIZE} (X, , two) Y = BatchNormalization(r, b, b, b, one)", TWICE, EVEN),
    # --- pools ---
    Case(f"Y = MaxPool {POOL} (X)", HALF, EVEN),
    Case(f"Y = AveragePool {POOL} (X)", HALF, EVEN),
    Case(f"a = Conv {PADDED} (X, w, b) Y = MaxPool {POOL} (a)", (1, 8, 4, 5)),
    Case(f"a = Conv {PADDED} (X, w, b) p = MaxPool {POOL} (a) Y = MaxPool {POOL} (p)", (1, 8, 3, 3), (1, 8, 12, 13)),
    Case(f"a = Conv {PADDED} (X, w, b) p = AveragePool {POOL} (a) Y = Conv {PADDED} (p, w)", HALF, EVEN),
    Case(f"r = Resize {RESIZE} (X, , two) Y = MaxPool {POOL} (r)", EVEN, EVEN),
    Case(f"a = Resize {RESIZE} (X, , two) Y = Resize {RESIZE} (a, , two)", (1, 8, 16, 20), (1, 8, 4, 5)),
    # --- channels ---
    Case(f"a = Conv {PADDED} (X, w) Y = Concat <axis = 1> (X, a)", (1, 16, 9, 10)),
    Case(f"r = Resize {RESIZE} (X, , two) Y = Concat <axis = 1> (r, r)", (2, 16, 20, 24), EVEN),
    Case(
        f"r = Resize {RESIZE} (X, , two) d = Conv {PADDED} (r, w) Y = Concat <axis = 1> (r, d)", (2, 16, 20, 24), EVEN
    ),
    Case("Y = Slice(X, three, five, axis)", (1, 2, 9, 10)),
    Case(f"r = Resize {RESIZE} (X, , two) Y = Slice(r, three, five, axis)", (2, 2, 20, 24), EVEN),
]

LEFT = [
    # --- operators without a form on rows are kept ---
    Case("Y = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]> (X, w)", (1, 8, 5, 5)),
    Case("Y = Conv <kernel_shape = [3, 3]> (X, w)", (1, 8, 7, 8)),
    Case("Y = Conv <pads = [2, 2, 2, 2], dilations = [2, 2], kernel_shape = [3, 3]> (X, w)"),
    Case("Y = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (X)", (1, 8, 4, 4)),
    Case("Y = MaxPool <kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1> (X)", (1, 8, 5, 5)),
    Case('Y = Resize <mode = "linear"> (X, , two)', (1, 8, 18, 20)),
    Case("Y = Concat <axis = 2> (X, X)", (1, 8, 18, 10)),
    Case("Y = Add(X, line)"),
]

rng = np.random.default_rng(1)
CONSTANTS = {
    "w": rng.standard_normal((8, 8, 3, 3)).astype(np.float32),
    "v": rng.standard_normal((4, 8, 3, 3)).astype(np.float32),
    "u": rng.standard_normal((8, 8, 1, 1)).astype(np.float32),
    "b": rng.random(8).astype(np.float32),
    "c": rng.random(4).astype(np.float32),
    "s": rng.random((8, 1, 1)).astype(np.float32),
    "line": rng.random(10).astype(np.float32),
    "minus": -np.ones(8, np.float32),
    "zero": np.zeros(8, np.float32),
    "one": np.ones(8, np.float32),
    "two": np.array([1, 1, 2, 2], np.float32),
    "three": np.array([3]),
    "five": np.array([5]),
    "axis": np.array([1]),
}


def text(dims: tuple[int, ...]) -> str:
    return f"float[{', '.join(map(str, dims))}]"


def changed(case: Case) -> tuple[float, list[str]]:
    used = {name: array for name, array in CONSTANTS.items() if re.search(rf"\b{name}\b", case.body)}
    operators: list[str] = []
    signature = f"g ({text(case.x)} X) => ({text(case.y)} Y)"
    apart, _ = both(signature, case.body, used, lambda model: operators.extend(lower_all(model)))
    return apart, operators


@pytest.mark.parametrize("side_by_side", [1, 2, 3])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.body)
def test_an_operator_on_rows_gives_the_same_result(
    case: Case, side_by_side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "PARALLEL_CHUNKS", side_by_side)
    apart, operators = changed(case)
    assert apart <= 1e-5
    assert set(operators) == case.lowered


@pytest.mark.parametrize("case", LEFT, ids=lambda case: case.body)
def test_an_operator_without_a_form_on_rows_is_kept(case: Case) -> None:
    apart, operators = changed(case)
    assert apart == 0
    assert operators == []


def test_every_rule_has_a_case() -> None:
    assert RULES.keys() - {op for case in CASES for op in case.lowered} == set()
