"""Reads TLS certificates from files, and again when they change, without a restart or a broken connection."""

from __future__ import annotations

import logging
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import grpc

from reverie_server.process import validity

log = logging.getLogger(__name__)


#: Seconds after which the dates of the certificates in use are looked at again, at a handshake.
REMIND_S = 24 * 3600


class UnusableCertificate(Exception):
    """A certificate or its key cannot be used; the message names the file and the problem."""


@dataclass(frozen=True)
class Certificates:
    """The PEM files of one server; with `client_ca` clients need a certificate that one of those authorities signed."""

    cert: Path
    key: Path
    client_ca: Path | None = None

    def files(self) -> list[Path]:
        """Return the files that are given."""
        return [file for file in (self.cert, self.key, self.client_ca) if file is not None]


def credentials(certificates: Certificates) -> grpc.ServerCredentials:
    """Return gRPC credentials that check the files before each handshake; raise UnusableCertificate if invalid."""
    watched = _Watched(certificates)
    return grpc.dynamic_ssl_server_credentials(
        watched.configuration, watched.renewed, require_client_authentication=certificates.client_ca is not None
    )


class _Watched:
    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates
        self._lock = Lock()
        self._seen = self._stamp()
        self.configuration = _read(certificates)
        self._warn()

    def _warn(self) -> None:
        """Log certificates that are out of their time, or soon will be."""
        self._warned_at = time.monotonic()
        for warning in warnings(self._certificates):
            log.warning("%s", warning)

    def _stamp(self) -> list[tuple[int, int, int]]:
        """Return properties that change when a file is written or replaced, or when a link to it changes."""
        try:
            stats = [file.stat() for file in self._certificates.files()]
        except OSError:
            return []  # a file is being replaced
        return [(stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats]

    def renewed(self) -> Any:
        """Return a new configuration if the files have changed and are valid, else None: the old one stays in use."""
        with self._lock:
            if not (stamp := self._stamp()) or stamp == self._seen:
                if time.monotonic() - self._warned_at >= REMIND_S:
                    self._warn()
                return None
            try:
                self.configuration = _read(self._certificates)
            except UnusableCertificate as problem:
                log.warning("the certificate stays the one before: %s", problem)  # the next handshake tries again
                return None
            self._seen = stamp
            log.info("the certificate was read again from %s", self._certificates.cert)
            self._warn()
            return self.configuration


def warnings(certificates: Certificates) -> list[str]:
    """Return a sentence for each certificate, also of authorities, that is out of its time or soon will be."""
    files = [certificates.cert] + ([certificates.client_ca] if certificates.client_ca else [])
    try:
        return [warning for file in files for warning in validity.warnings(file)]
    except OSError:
        return []  # a file is being replaced; it is read again at the next handshake


def _read(certificates: Certificates) -> Any:
    contents = []
    for file in certificates.files():
        try:
            contents.append(file.read_bytes())
        except OSError as error:
            raise UnusableCertificate(f"{file} cannot be read: {error.strerror}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # gRPC itself does not report a key that belongs to another certificate: it only fails every handshake.
        context.load_cert_chain(certificates.cert, certificates.key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise UnusableCertificate(
            f"{certificates.cert} and {certificates.key} are not a certificate and its key in PEM: {_reason(error)}"
        ) from error
    try:
        if certificates.client_ca is not None:
            context.load_verify_locations(certificates.client_ca)
    except ssl.SSLError as error:
        raise UnusableCertificate(f"{certificates.client_ca} holds no authorities in PEM: {_reason(error)}") from error
    cert, key, *client_ca = contents
    return grpc.ssl_server_certificate_configuration(
        [(key, cert)], root_certificates=client_ca[0] if client_ca else None
    )


def _no_password() -> str:
    raise ValueError("the key is encrypted, and a server cannot ask for its password; decrypt it first")


def _reason(error: Exception) -> str:
    return (error.reason or "no PEM") if isinstance(error, ssl.SSLError) else str(error)
