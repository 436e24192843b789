"""The embedded model texture19: its procedurally drawn images, the network, and its training."""
