"""The log: one line for what happened, for people or for machines, with the name of the call and without secrets."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, TextIO

import structlog

from reverie_server.process.config import hidden
from reverie_server.rpc import request_id

#: What a secret of a caller looks like, wherever it stands in a text.
KEYS = re.compile(r"(reverie_[0-9a-f]{12}_)[A-Za-z0-9_-]+|((?i:bearer)\s+)\S+")


def configure(form: str, level: str, stream: TextIO | None = None) -> None:
    """Send what all libraries log to a stream, standard error by default, as `console` or `json` lines."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(allow=("method", "code", "client", "request_id")),
        _name_call,
    ]
    last: list[Any] = [structlog.processors.format_exc_info, _redact]
    if form == "json":
        last.append(structlog.processors.JSONRenderer(ensure_ascii=False))
    else:
        last.append(_line)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("onnx_ir").setLevel(logging.WARNING)  # it tells of every node that a pass removes


def _name_call(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    if name := request_id.current():
        event["request_id"] = name
    return event


def redacted(text: str) -> str:
    """Return a text without the keys in it, and without what URLs hide."""
    return KEYS.sub(lambda found: f"{found[1] or found[2]}***", hidden(text))


def _redact(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    return {name: redacted(value) if isinstance(value, str) else value for name, value in event.items()}


#: What a line for people shows in its own place, or leaves out because the sentence says it.
SHOWN = ("timestamp", "level", "logger", "event", "exception", "method", "code")


def _line(logger: Any, method: str, event: dict[str, Any]) -> str:
    rest = "".join(f" {name}={value}" for name, value in event.items() if name not in SHOWN and value not in ("", None))
    line = f"{event['timestamp']} {event['level'].upper()} {event['logger']}: {event['event']}{rest}"
    return f"{line}\n{event['exception']}" if event.get("exception") else line
