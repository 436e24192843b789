"""Measuring this machine, for a lowering plan of its own; only `reverie tune` does it."""
