"""How to connect to a server: address, TLS, token and channel options."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from pathlib import Path

import grpc

from reverie.errors import UsageError

SERVICE = "reverie.v1.VisualizationService"
DEFAULT_PORT = 50051

# A picture of 2048 x 2048 as raw float32 is 50 MB; gRPC's default limit of 4 MB would refuse even 600 x 600.
MAX_MESSAGE_BYTES = 256 * 1024 * 1024

# gRPC retries a call only until the server's first response: the headers of RenderImage or `accepted` of StreamRender,
# both sent when the request is admitted. Later retries are ours (_exchange, _stream) and keep the same request id.
RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": SERVICE}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.2s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}

OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_retries", 1),
    ("grpc.service_config", json.dumps(RETRIES)),
    # A stock gRPC server hangs up on clients that ping more often than every 5 minutes without data.
    ("grpc.keepalive_time_ms", 330_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


@dataclass(frozen=True)
class Connection:
    """The arguments for opening a channel; ``credentials`` None means plaintext."""

    target: str
    credentials: grpc.ChannelCredentials | None
    options: tuple[tuple[str, str | int], ...]
    metadata: tuple[tuple[str, str], ...]


def connection(
    address: str,
    *,
    token: str | None = None,
    tls_ca: str | Path | None = None,
    tls_cert: str | Path | None = None,
    tls_key: str | Path | None = None,
    tls_name: str | None = None,
    insecure: bool | None = None,
) -> Connection:
    """Decide how to reach ``address``: with TLS unless it is this machine, and never with a token in plaintext.

    Raises UsageError for an address, a file or a combination that cannot work.
    """
    target, near = _target(address)
    asked_for_tls = any((tls_ca, tls_cert, tls_key, tls_name))
    if asked_for_tls and insecure:
        raise UsageError("insecure=True and TLS arguments contradict each other: leave one out.")
    if bool(tls_cert) != bool(tls_key):
        raise UsageError("A client certificate needs both tls_cert and tls_key.")
    plaintext = insecure if insecure is not None else near and not asked_for_tls
    if token and plaintext and not near:
        raise UsageError(f"The token would travel to {address} in plaintext: use TLS, or a tunnel to localhost.")
    return Connection(
        target=target,
        credentials=None if plaintext else grpc.ssl_channel_credentials(_pem(tls_ca), _pem(tls_key), _pem(tls_cert)),
        options=OPTIONS + ((("grpc.ssl_target_name_override", tls_name),) if tls_name else ()),
        metadata=(("authorization", f"Bearer {token}"),) if token else (),
    )


def _target(address: str) -> tuple[str, bool]:
    """Return the address in gRPC's form, and whether it is on this machine."""
    if address.startswith("unix:") and len(address) > len("unix:"):
        return address, True
    match = re.fullmatch(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s:/@\[\]]+)(?::(?P<port>\d{1,5}))?", address)
    if match is None or not 0 <= int(match["port"] or 0) <= 65535:
        raise UsageError(
            f"{address!r} is not an address: write HOST:PORT, such as localhost:{DEFAULT_PORT} or [::1]:{DEFAULT_PORT},"
            " or unix:/PATH."
        )
    host = match["host"]
    return f"{host}:{match['port'] or DEFAULT_PORT}", _is_loopback(host.strip("[]"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _pem(path: str | Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"The PEM file {path} cannot be read: {error.strerror}.") from error
