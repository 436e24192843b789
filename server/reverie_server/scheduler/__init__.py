"""The scheduler: which render has the device next, and the thread that makes the steps."""
