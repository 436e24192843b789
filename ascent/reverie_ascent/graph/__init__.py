"""Builds fragments of graphs from text, and computes the shapes of all values."""
