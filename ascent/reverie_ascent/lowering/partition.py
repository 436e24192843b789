"""Chooses the nodes that compute on rows such that the total time, including conversions, is least.

Each node has two costs, plain and on rows. A value that is produced in one form and read in the other adds the cost of
one conversion, whatever the number of its readers. The best choice is a minimum cut between "plain" and "rows". Costs
are integers in units of 1e-15 s: their sums are exact, so the cut does not depend on the order in which the search
visits nodes, which differs between processes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import networkx as nx
import onnx_ir as ir

from reverie_ascent.lowering.rules import is_narrow, lowerable, moving

UNIT_S = 1e-15


@dataclass(frozen=True)
class Price:
    """The time of a node in seconds: as ONNX Runtime computes it, and on rows."""

    plain: float
    rows: float


def choose(
    graph: ir.Graph, price: Callable[[ir.Node], Price], conversion: Callable[[ir.Value], float]
) -> Collection[ir.Node]:
    """Return the nodes to lower. ``conversion`` returns the time to convert a value to the other form, in seconds."""
    candidates = [node for node in graph if lowerable(node)]
    network: nx.DiGraph[object] = nx.DiGraph()
    for node in candidates:
        prices = price(node)
        # A node on the side of "plain" is cut from "rows", which adds its plain cost to the cut, and vice versa.
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
            # produced plain and read on rows; produced on rows and read plain
            _edge(network, ("to rows", value), user, float("inf"))
            _edge(network, user, ("to plain", value), float("inf"))
        _edge(network, source, ("to rows", value), seconds)
        _edge(network, ("to plain", value), source, seconds)
    if not candidates:
        return set()
    _, (_, lowered) = nx.minimum_cut(network, "plain", "rows", capacity="price")
    return able & lowered


def _edge(network: nx.DiGraph[object], source: object, target: object, seconds: float) -> None:
    if source is target or target == "plain" or source == "rows":
        return  # nothing flows into the source or out of the sink
    price = seconds if math.isinf(seconds) else round(seconds / UNIT_S)
    if network.has_edge(source, target):
        price += network[source][target]["price"]
    network.add_edge(source, target, price=price)
