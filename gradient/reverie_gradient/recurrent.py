"""LSTM, GRU and RNN unrolled into products and activations that have rules.

The equations and the order of the gates are those of ONNX's operators. A definition returns None, and the operator
stays, where the number of steps is not known, or with ``sequence_lens``, ``layout``, ``clip``, ``input_forget`` or
activations that take parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reverie_gradient.shapes import static_dims
from reverie_gradient.table import Call
from reverie_gradient.term import Term

MOST_STEPS = 256
ACTIVATIONS = frozenset({"Sigmoid", "Tanh", "Relu"})
PARAMETERS = ("activation_alpha", "activation_beta", "clip")
SWITCHES = ("input_forget", "layout")
# Whether each direction runs backwards.
DIRECTIONS = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}

#: From the input's part of the gates and the previous state, which is None at first, to the next state.
Step = Callable[["Direction", Term, "State | None"], "State"]


@dataclass(frozen=True)
class State:
    """The state between two steps: h of [N, H], and of an LSTM the cell, c."""

    h: Term
    c: Term | None = None


@dataclass(frozen=True)
class Direction:
    """The parameters of one direction: weights of [gates H, ...], biases of [gates H] or None."""

    recurrent: Term
    bias_of_input: Term | None
    bias_of_state: Term | None
    peepholes: list[Term] | None
    activations: Sequence[str]
    size: int
    linear_before_reset: bool

    def gate(self, t: Term, number: int) -> Term:
        """Cut one gate out of the last axis."""
        return _cut(t, number * self.size, (number + 1) * self.size, -1)

    def of_state(self, state: State | None) -> Term | None:
        """Return h times the recurrent weights, for all gates, with their bias."""
        product = None if state is None else state.h @ self.recurrent.apply("Transpose", perm=[1, 0])
        return _sum(product, self.bias_of_state)


def lstm(call: Call) -> Sequence[Term] | None:
    """i, o, f = σ(...), c' = f c + i tanh(...), h' = o tanh(c'); peepholes add the cell to the gates."""
    return _unrolled(call, _lstm_step, gates=4, usual=["Sigmoid", "Tanh", "Tanh"])


def gru(call: Call) -> Sequence[Term] | None:
    """z, r = σ(...), n = tanh(W x + R (r h)), or r (R h) with ``linear_before_reset``; h' = (1 - z) n + z h."""
    return _unrolled(call, _gru_step, gates=3, usual=["Sigmoid", "Tanh"])


def rnn(call: Call) -> Sequence[Term] | None:
    """h' = tanh(W x + R h)."""
    return _unrolled(call, _rnn_step, gates=1, usual=["Tanh"])


# ----- steps -----


def _lstm_step(direction: Direction, x: Term, state: State | None) -> State:
    inner, cell, outer = direction.activations
    total = _sum(x, direction.of_state(state))
    assert total is not None
    i, o, f, z = (direction.gate(total, number) for number in range(4))
    c = None if state is None else state.c
    if direction.peepholes is not None and c is not None:
        i, f = i + direction.peepholes[0] * c, f + direction.peepholes[2] * c
    new = i.apply(inner) * z.apply(cell)
    if c is not None:
        new = f.apply(inner) * c + new
    if direction.peepholes is not None:
        o = o + direction.peepholes[1] * new
    return State(o.apply(inner) * new.apply(outer), new)


def _gru_step(direction: Direction, x: Term, state: State | None) -> State:
    inner, outer = direction.activations
    shared = direction.of_state(state)
    total = _sum(x, shared)
    assert total is not None
    z, r = (direction.gate(total, number).apply(inner) for number in range(2))
    n = direction.gate(x, 2)
    if direction.linear_before_reset and shared is not None:
        n = n + r * direction.gate(shared, 2)
    elif not direction.linear_before_reset:
        if state is not None:
            rows = _cut(direction.recurrent, 2 * direction.size, 3 * direction.size, 0)
            n = n + (r * state.h) @ rows.apply("Transpose", perm=[1, 0])
        if direction.bias_of_state is not None:
            n = n + direction.gate(direction.bias_of_state, 2)
    n = n.apply(outer)
    h = n - z * n
    return State(h if state is None else h + z * state.h)


def _rnn_step(direction: Direction, x: Term, state: State | None) -> State:
    total = _sum(x, direction.of_state(state))
    assert total is not None
    return State(total.apply(direction.activations[0]))


def _cut(t: Term, begin: int, end: int, axis: int) -> Term:
    return t.apply("Slice", *([n] for n in (begin, end, axis)))


def _sum(a: Term | None, b: Term | None) -> Term | None:
    return b if a is None else a if b is None else a + b


# ----- the whole -----


def _unrolled(call: Call, step: Step, *, gates: int, usual: list[str]) -> Sequence[Term] | None:
    length, size = static_dims(call.x, [0]), call.integer("hidden_size", 0)
    named = list(call.node.attributes.get_strings("activations", ()) or ())
    unusual = (
        call.has(4)
        or any(name in call.node.attributes for name in PARAMETERS)
        or any(call.integer(name, 0) for name in SWITCHES)
        or not set(named) <= ACTIVATIONS
    )
    if length is None or not 0 < length[0] <= MOST_STEPS or not size or unusual:
        return None
    directions = DIRECTIONS[call.string("direction", "forward")]
    by_direction: list[list[State]] = []
    for index, backwards in enumerate(directions):
        weights = _direction(call, index, size, gates, named[index * len(usual) : (index + 1) * len(usual)] or usual)
        state = _initial(call, index)
        given = call.x @ _select(call.input(1), index).apply("Transpose", perm=[1, 0])
        if weights.bias_of_input is not None:
            given = given + weights.bias_of_input
        states: list[State] = []
        for t in range(length[0])[:: -1 if backwards else 1]:
            state = step(weights, given.apply("Gather", np.array(t), axis=0), state)
            states.append(state)
        by_direction.append(states)
    return _outputs(by_direction, directions)


def _select(t: Term, index: int) -> Term:
    return t.apply("Gather", np.array(index), axis=0)


def _direction(call: Call, index: int, size: int, gates: int, activations: Sequence[str]) -> Direction:
    bias: list[Term | None] = [None, None]
    if call.has(3):
        both = _select(call.input(3), index)
        bias = [_cut(both, k * gates * size, (k + 1) * gates * size, 0) for k in range(2)]
    peepholes = None
    if call.has(7):
        row = _select(call.input(7), index)
        peepholes = [_cut(row, k * size, (k + 1) * size, 0) for k in range(3)]
    before = bool(call.integer("linear_before_reset", 0))
    return Direction(_select(call.input(2), index), bias[0], bias[1], peepholes, activations, size, before)


def _initial(call: Call, index: int) -> State | None:
    """Return the state before the first step; None is one of zeros."""
    h, c = (_select(call.input(place), index) if call.has(place) else None for place in (5, 6))
    if h is None and c is not None:
        h = c * 0.0
    return None if h is None else State(h, c)


def _outputs(by_direction: Sequence[Sequence[State]], backwards: Sequence[bool]) -> list[Term]:
    """Return Y, Y_h and, of an LSTM, Y_c: [T, D, N, H] and [D, N, H]."""
    rows = [
        _stack([state.h for state in states[:: -1 if turned else 1]], 0)
        for states, turned in zip(by_direction, backwards, strict=True)
    ]
    outputs = [_stack(rows, 1), _stack([states[-1].h for states in by_direction], 0)]
    cells = [states[-1].c for states in by_direction]
    known = [c for c in cells if c is not None]
    return [*outputs, _stack(known, 0)] if known else outputs


def _stack(parts: Sequence[Term], axis: int) -> Term:
    first, *others = (part.apply("Unsqueeze", [axis]) for part in parts)
    return first.apply("Concat", *others, axis=axis) if others else first
