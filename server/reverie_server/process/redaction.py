"""Removes secrets from texts that people read: the log and printed settings."""

from __future__ import annotations

import re

#: The parts of a URL before its host and after its path, which may hold passwords and tokens.
URL_SECRETS = re.compile(r"(?<=://)[^/@\s\"']*(?=@)|(?<=\?)[^\s\"']+")

#: An API key of Reverie, whose id may be shown, and any other bearer token.
TOKENS = re.compile(r"(reverie_[0-9a-f]{12}_)[A-Za-z0-9_-]+|((?i:bearer)\s+)\S+")


def redact_urls(text: str) -> str:
    """Return a text with the secret parts of its URLs replaced by asterisks."""
    return URL_SECRETS.sub("***", text)


def redact(text: str) -> str:
    """Return a text with API keys, bearer tokens and the secret parts of URLs replaced by asterisks."""
    return TOKENS.sub(lambda match: f"{match[1] or match[2]}***", redact_urls(text))
