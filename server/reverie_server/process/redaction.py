"""Removal of secrets from texts that people read: the log and printed settings."""

from __future__ import annotations

import re

#: What a URL may hold before its host, and after its path: passwords and tokens.
URL_SECRETS = re.compile(r"(?<=://)[^/@\s\"']*(?=@)|(?<=\?)[^\s\"']+")

#: An API key of ours, whose id may be shown, and any other bearer token.
TOKENS = re.compile(r"(reverie_[0-9a-f]{12}_)[A-Za-z0-9_-]+|((?i:bearer)\s+)\S+")


def redact_urls(text: str) -> str:
    """Return a text with the secret parts of the URLs in it as asterisks."""
    return URL_SECRETS.sub("***", text)


def redact(text: str) -> str:
    """Return a text with API keys, bearer tokens and the secret parts of URLs as asterisks."""
    return TOKENS.sub(lambda found: f"{found[1] or found[2]}***", redact_urls(text))
