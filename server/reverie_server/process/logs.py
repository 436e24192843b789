"""The log format: one line for each event, as text or JSON, with the id of the call and without secrets.

Parts of an event come from elsewhere: from clients, certificates, model folders and the texts of exceptions. All of
them are escaped here, so none can end a line, look like another line or another field, or control a terminal.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any, TextIO

import structlog
from reverie_proto.printable import printable, printable_lines

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
    last: list[Any] = [structlog.processors.format_exc_info, _redact, _escape]
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


#: Fields of several lines, which hold tracebacks.
TRACES = ("exception", "stack_info")


def _escape(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    escaped: dict[str, Any] = {}
    for name, value in event.items():
        if name in TRACES and value:
            escaped[name] = printable_lines(str(value))
        else:
            escaped[name] = value if value is None or isinstance(value, int | float) else printable(str(value))
    return escaped


#: Fields that a text line shows at a fixed position, or leaves out because the sentence contains them.
SHOWN = ("timestamp", "level", "logger", "event", "method", "code", *TRACES)

#: Values that can be shown without quotes, because they cannot look like two fields.
PLAIN = re.compile(r"[^\s\"=]+")

#: Begins each line of a traceback, so that no text in it can look like an event.
MARGIN = "    | "


def _line(logger: Any, method: str, event: dict[str, Any]) -> str:
    rest = "".join(
        f" {name}={_quoted(value)}" for name, value in event.items() if name not in SHOWN and value not in ("", None)
    )
    line = f"{event['timestamp']} {event['level'].upper()} {event['logger']}: {event['event']}{rest}"
    traces = [each for name in TRACES for each in (event.get(name) or "").split("\n") if each]
    return "\n".join([line, *(MARGIN + each for each in traces)])


def _quoted(value: Any) -> str:
    return str(value) if PLAIN.fullmatch(str(value)) else json.dumps(str(value), ensure_ascii=False)
