"""Building graphs: fragments written as text, nodes one by one, and the shapes of all values."""
