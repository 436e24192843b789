"""Measures this machine to write its own lowering plan; only `reverie tune` does that."""
