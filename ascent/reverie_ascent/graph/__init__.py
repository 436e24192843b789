"""Fragments of graphs written as text, and the shapes of all values."""
