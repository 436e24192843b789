"""Which nodes work on rows: the choice that costs least, conversions at the borders included.

Each node has two prices, plain and on rows; a value that is made one way and used the other pays for its conversion,
once for all who use it. The cheapest choice is a minimum cut between "plain" and "rows".
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import networkx as nx
import onnx_ir as ir

from reverie_ascent.lowering.rules import is_narrow, lowerable, moving


@dataclass(frozen=True)
class Price:
    """Seconds that a node takes, each way."""

    plain: float
    rows: float


def choose(
    graph: ir.Graph, price: Callable[[ir.Node], Price], conversion: Callable[[ir.Value], float]
) -> Collection[ir.Node]:
    """Return the nodes to lower. ``conversion`` is what turning a value into the other form takes, in seconds."""
    candidates = [node for node in graph if lowerable(node)]
    network: nx.DiGraph[object] = nx.DiGraph()
    for node in candidates:
        prices = price(node)
        # On the side of "plain" a node is cut from "rows", and pays what plain costs; and the other way round.
        _edge(network, node, "rows", prices.plain)
        _edge(network, "plain", node, prices.rows)
    able = set(candidates)
    for value in dict.fromkeys(v for node in candidates for v in (*moving(node), *node.outputs)):
        producer = value.producer()
        source = producer if producer in able and not is_narrow(producer) else "plain"
        users = [user if user in able else "plain" for user in value.consumers()]
        if value.is_graph_output():
            users.append("plain")
        seconds = conversion(value)
        for user in dict.fromkeys(users):
            # made plain and used on rows; made on rows and used plain
            _edge(network, ("to rows", value), user, float("inf"))
            _edge(network, user, ("to plain", value), float("inf"))
        _edge(network, source, ("to rows", value), seconds)
        _edge(network, ("to plain", value), source, seconds)
    if not candidates:
        return set()
    _, (_, lowered) = nx.minimum_cut(network, "plain", "rows", capacity="seconds")
    return able & lowered


def _edge(network: nx.DiGraph[object], source: object, target: object, seconds: float) -> None:
    if source is target or target == "plain" or source == "rows":
        return  # nothing flows into the source or out of the sink
    if network.has_edge(source, target):
        seconds += network[source][target]["seconds"]
    network.add_edge(source, target, seconds=seconds)
