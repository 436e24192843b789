"""See what a neural network sees: the client of a Reverie server."""
