"""Recurrent layers, step by step: [T, N, I] with 4 steps, 2 sequences and 3 features."""

from __future__ import annotations

from tests.gradient.gradcheck import Case


def constant(name: str, *dims: int) -> str:
    """Return a constant with numbers between -1 and 1."""
    count = 1
    for dim in dims:
        count *= dim
    numbers = ", ".join(f"{(7 * k % 19 - 9) / 10}" for k in range(count))
    return f"{name} = Constant <value = T_[{', '.join(map(str, dims))}] {{{numbers}}}> ()"


def case(body: str, gates: int, ways: int = 1) -> Case:
    """Return a case with two units; the weights are B, the recurrent ones C."""
    return Case(body, x="4,2,3", b=f"{ways},{gates * 2},3", c=f"{ways},{gates * 2},2", free="")


def layer(op: str, gates: int) -> list[Case]:
    """Return the cases of one operator in the forms that all three have."""
    cases = []
    for direction, ways in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
        attribute = f'<hidden_size = 2, direction = "{direction}">'
        bias, before = constant("d", ways, gates * 4), constant("h", ways, 2, 2)
        cases += [
            case(f"Y = {op} {attribute} (X, B, C)", gates, ways),
            case(f"{bias} {before} Y, last = {op} {attribute} (X, B, C, d, , h)", gates, ways),
            case(f"{bias} all, Y = {op} {attribute} (X, B, C, d)", gates, ways),
        ]
    return cases


CELL, SEEN = constant("k", 1, 2, 2), constant("p", 1, 6)

CASES = [
    *layer("LSTM", 4),
    case(f"{CELL} {SEEN} Y, h, c = LSTM <hidden_size = 2> (X, B, C, , , , k, p)", 4),
    case(f"{CELL} all, h, Y = LSTM <hidden_size = 2> (X, B, C, , , k, k)", 4),
    *layer("GRU", 3),
    case("Y = GRU <hidden_size = 2, linear_before_reset = 1> (X, B, C)", 3),
    case(f"{constant('d', 1, 12)} Y = GRU <hidden_size = 2, linear_before_reset = 1> (X, B, C, d)", 3),
    *layer("RNN", 1),
]
