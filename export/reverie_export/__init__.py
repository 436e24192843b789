"""From a network to a model folder: one graph per layer, its input gradient inside."""
