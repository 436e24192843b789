"""Runs the server as a process: settings, TLS, logs, metrics and the commands that start it."""
