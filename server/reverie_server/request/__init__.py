"""Validates requests, from wire messages or keywords, and reports all violations at once."""
