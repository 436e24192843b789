"""The log format: one line for each event, as text or JSON, with the id of the call and without secrets."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog

from reverie_server.process.redaction import redact
from reverie_server.rpc import request_id


def configure(form: str, level: str, stream: TextIO | None = None) -> None:
    """Write the log of all libraries to a stream, standard error by default, as `console` or `json` lines."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(allow=("method", "code", "client", "request_id")),
        _add_request_id,
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
    logging.getLogger("onnx_ir").setLevel(logging.WARNING)  # it logs every node that a pass removes


def _add_request_id(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    if name := request_id.current():
        event["request_id"] = name
    return event


def _redact(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    return {name: redact(value) if isinstance(value, str) else value for name, value in event.items()}


#: Fields that a text line shows at a fixed position, or leaves out because the sentence contains them.
SHOWN = ("timestamp", "level", "logger", "event", "exception", "method", "code")


def _line(logger: Any, method: str, event: dict[str, Any]) -> str:
    rest = "".join(f" {name}={value}" for name, value in event.items() if name not in SHOWN and value not in ("", None))
    line = f"{event['timestamp']} {event['level'].upper()} {event['logger']}: {event['event']}{rest}"
    return f"{line}\n{event['exception']}" if event.get("exception") else line
