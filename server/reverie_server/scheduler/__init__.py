"""Which render gets the device next, and the threads that load programs and make steps."""
