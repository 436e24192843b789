"""The settings of a server: one table that defines flags, environment variables, the file and their documentation.

No heavy module may be imported here, because `reverie --help` imports this table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le

from reverie_server.limits import MAX_BATCH, Limits


def meta(text: str, **more: Any) -> dict[str, Any]:
    """Return the metadata of a setting: a sentence, and `flag` or `metavar` if they do not follow from its name."""
    return {"help": text, **more}


@dataclass(frozen=True)
class Settings:
    """The settings of a server, valid and complete; made by `config.configure`."""

    #: How pydantic checks the settings.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    models: tuple[Path, ...] = field(
        default=(),
        metadata=meta("Folder of exported models; may be repeated. Default: the embedded model.", metavar="FOLDER"),
    )
    listen: str = field(
        default="127.0.0.1:50051",
        metadata=meta(
            "HOST:PORT (port 0: a free one) or unix:PATH. Beyond this machine only with TLS, or insecure.",
        ),
    )
    device: Literal["auto", "cpu", "cuda"] = field(default="auto", metadata=meta("Where pictures are computed."))
    threads: Annotated[int, Ge(1)] | None = field(
        default=None, metadata=meta("CPU threads of one step. Default: all cores.")
    )
    exact: bool = field(
        default=False, metadata=meta("Run the graphs as exported, not the faster ones made of them for a CPU.")
    )
    bfloat16: bool = field(default=False, metadata=meta("On a GPU, compute convolutions in bfloat16."))
    batch: Annotated[int, Ge(1), Le(MAX_BATCH)] | None = field(
        default=None,
        metadata=meta("Renders of one program that share a step. Default: what the lowering plan says, 1 on a CPU."),
    )
    plan: str | None = field(
        default=None,
        metadata=meta(
            "Lowering plan, which decides how programs are rewritten for the device: a file of `reverie tune -o`, what"
            " `reverie tune` found here, or the one of a class. Another plan makes other pictures. Default: that of the"
            " device's class.",
            metavar="FILE|tuned|CLASS",
        ),
    )
    warm: tuple[str, ...] = field(
        default=(),
        metadata=meta("Load a layer's program before being ready; may be repeated.", metavar="MODEL/LAYER"),
    )
    store: str | None = field(
        default=None,
        metadata=meta(
            "Where finished pictures are kept: a folder, or an fsspec URL such as s3://bucket/folder. Default: a folder"
            " in the user's cache.",
            metavar="URL|off",
        ),
    )
    store_limit: Annotated[int, Ge(1)] | None = field(
        default=None,
        metadata=meta(
            "Largest size of the store in MiB; the least recently used pictures go first. Default: 2048 for a folder.",
            metavar="MIB",
        ),
    )
    jobs: str | None = field(
        default=None,
        metadata=meta(
            "Where jobs are remembered, by one server at a time. Default: a file in the user's data folder.",
            metavar="FILE|off",
        ),
    )
    grace: Annotated[float, Ge(0)] = field(
        default=30,
        metadata=meta("Seconds that renders may take to finish after SIGTERM or Ctrl-C; a second one does not wait."),
    )
    tls_cert: Path | None = field(
        default=None,
        metadata=meta("PEM file of the server's certificate chain. Read again when it changes."),
    )
    tls_key: Path | None = field(default=None, metadata=meta("PEM file of the certificate's private key."))
    tls_client_ca: Path | None = field(
        default=None,
        metadata=meta("PEM file of authorities: clients then need a certificate that one of them has signed."),
    )
    insecure: bool = field(
        default=False, metadata=meta("Listen beyond this machine in plaintext, if a proxy in front terminates TLS.")
    )
    keys: Path | None = field(
        default=None,
        metadata=meta(
            "File of API keys, as `reverie keys` writes it: calls then need one. Read again when it changes."
        ),
    )
    log_format: Literal["console", "json"] = field(
        default="console", metadata=meta("How the log on standard error is written.")
    )
    log_level: Literal["debug", "info", "warning", "error"] = field(
        default="info", metadata=meta("The least that is logged.")
    )
    metrics: str | None = field(
        default=None, metadata=meta("HOST:PORT on which Prometheus finds /metrics. Default: none.", metavar="TEXT")
    )
    traces: str | None = field(
        default=None,
        metadata=meta(
            "URL of an OpenTelemetry collector (OTLP over HTTP) that traces go to. Default: none.", metavar="URL"
        ),
    )
    max_connection_age: Annotated[float, Gt(0)] = field(
        default=1800,
        metadata=meta("Seconds after which clients must reconnect, so that they spread over new replicas."),
    )
    max_connection_age_grace: Annotated[float, Gt(0)] = field(
        default=14400, metadata=meta("Seconds that calls on an old connection may still take before they are cut.")
    )
    max_concurrent_streams: Annotated[int, Ge(1)] = field(
        default=256, metadata=meta("Calls that one connection may have open at once.")
    )
    max_connections: Annotated[int, Ge(1)] = field(
        default=1000, metadata=meta("Connections that may be open at once; further ones are closed.")
    )
    max_connection_idle: Annotated[float, Gt(0)] = field(
        default=900, metadata=meta("Seconds after which a connection without an open call is closed.")
    )
    limits: Limits = field(
        default=Limits(),
        metadata=meta(
            "A bound of requests, such as max_steps=2000; may be repeated.", flag="--limit", metavar="NAME=VALUE"
        ),
    )


@dataclass(frozen=True)
class Setting:
    """One setting: its name, type, default, help text and option."""

    name: str
    #: The type of its value: str, Path, int, float, bool, tuple (of folders or names), Limits, or a Literal.
    kind: Any
    default: Any
    help: str
    flag: str
    metavar: str | None

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"{PREFIX}{self.name.upper()}"

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed values if they are listed, or else an empty tuple."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


PREFIX = "REVERIE_"


def table() -> Iterator[Setting]:
    """Yield every setting."""
    hints = get_type_hints(Settings)
    for entry in dataclasses.fields(Settings):
        flag = entry.metadata.get("flag", "--" + entry.name.replace("_", "-"))
        kind, default = _plain(hints[entry.name]), entry.default
        yield Setting(entry.name, kind, default, entry.metadata["help"], flag, entry.metadata.get("metavar"))


def _plain(hint: Any) -> Any:
    """Return the type in a type hint, without bounds and without None."""
    if get_origin(hint) in (None, Literal):
        return hint
    if get_origin(hint) is tuple:
        return tuple
    return _plain(next(each for each in get_args(hint) if each is not type(None)))
