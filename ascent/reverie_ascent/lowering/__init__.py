"""Lowering rewrites a step program into one that computes the same function faster; it never runs a graph."""
