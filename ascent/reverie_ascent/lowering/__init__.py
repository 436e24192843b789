"""Lowering: rewrites a step program into the same function at a lower cost; nothing here runs a graph."""
