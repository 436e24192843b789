"""The embedded model texture19: the images a program draws, the network, its training."""
