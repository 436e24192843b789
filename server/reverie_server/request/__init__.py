"""Requests: from messages and keywords to a validated render, with every mistake in them named."""
