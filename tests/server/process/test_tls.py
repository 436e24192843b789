"""TLS, certificates that change while the server runs, and addresses that need no TLS."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from reverie_proto.v1.visualization_pb2 import ListModelsRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server import Engine
from reverie_server.process import validity
from reverie_server.process.address import CannotListen
from reverie_server.process.settings import Settings
from reverie_server.process.tls import Certificates, UnusableCertificate, credentials

from tests.server.hosts import running

PEMS = Path(__file__).parents[2] / "client" / "tls"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A server's certificate and key, as cert.pem and key.pem."""
    install("server", tmp_path)
    return tmp_path


def install(name: str, folder: Path) -> None:
    shutil.copy(PEMS / f"{name}.key", folder / "key.pem")
    shutil.copy(PEMS / f"{name}.pem", folder / "cert.pem")


def settings(folder: Path, *, client_ca: Path | None = None) -> Settings:
    cert, key = folder / "cert.pem", folder / "key.pem"
    return Settings(listen="127.0.0.1:0", tls_cert=cert, tls_key=key, tls_client_ca=client_ca)


def shown(address: str) -> bytes:
    """Return the certificate of a server, as DER."""
    host, _, port = address.rpartition(":")
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port)), timeout=20))


def der(name: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert((PEMS / f"{name}.pem").read_text())


def channel(address: str, *, certified: bool = False) -> grpc.aio.Channel:
    own = [(PEMS / f"client.{kind}").read_bytes() for kind in ("key", "pem")] if certified else [None, None]
    trusted = grpc.ssl_channel_credentials((PEMS / "server.pem").read_bytes(), *own)
    return grpc.aio.secure_channel(address, trusted, [("grpc.ssl_target_name_override", "localhost")])


async def models(address: str, *, certified: bool = False) -> int:
    async with channel(address, certified=certified) as to:
        return len((await VisualizationServiceStub(to).ListModels(ListModelsRequest(), timeout=20)).models)


async def test_calls_use_tls(engine: Engine, folder: Path) -> None:
    async with running(engine, settings(folder)) as address:
        assert await models(address) == 1


async def test_a_client_without_tls_gets_nothing(engine: Engine, folder: Path) -> None:
    async with running(engine, settings(folder)) as address, grpc.aio.insecure_channel(address) as plain:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await VisualizationServiceStub(plain).ListModels(ListModelsRequest(), timeout=5)
        assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_clients_need_a_certificate_if_authorities_are_configured(engine: Engine, folder: Path) -> None:
    async with running(engine, settings(folder, client_ca=PEMS / "client.pem")) as address:
        assert await models(address, certified=True) == 1
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await models(address)
        assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_new_certificate_is_used_without_a_restart_and_calls_continue(engine: Engine, folder: Path) -> None:
    async with running(engine, settings(folder)) as address, channel(address) as open_before:
        stub = VisualizationServiceStub(open_before)
        await stub.ListModels(ListModelsRequest(), timeout=20)
        assert await asyncio.to_thread(shown, address) == der("server")
        install("client", folder)
        assert await asyncio.to_thread(shown, address) == der("client")
        await stub.ListModels(ListModelsRequest(), timeout=20)


@pytest.mark.parametrize("broken", ["half", "other key", "gone"])
async def test_a_broken_certificate_leaves_the_previous_one_in_use(engine: Engine, folder: Path, broken: str) -> None:
    async with running(engine, settings(folder)) as address:
        if broken == "half":
            (folder / "cert.pem").write_text((PEMS / "client.pem").read_text()[:200])
        elif broken == "other key":
            shutil.copy(PEMS / "client.key", folder / "key.pem")
        else:
            (folder / "cert.pem").unlink()
        assert await asyncio.to_thread(shown, address) == der("server")
        install("client", folder)
        assert await asyncio.to_thread(shown, address) == der("client")


@pytest.mark.parametrize(
    ("cert", "key", "message"),
    [
        ("none.pem", "server.key", "cannot be read"),
        ("server.pem", "client.key", "are not a certificate and its key"),
        ("server.key", "server.key", "are not a certificate and its key"),
    ],
)
def test_unusable_certificate_files_are_refused(cert: str, key: str, message: str) -> None:
    with pytest.raises(UnusableCertificate, match=message):
        credentials(Certificates(PEMS / cert, PEMS / key))


# ----- the dates of certificates -----

# A file, a time in which it is looked at, and the warning.
DATES = [
    ("server.pem", "2027-01-01T00:00", ""),
    ("server.pem", "2126-10-01T08:42", ""),
    ("server.pem", "2126-10-02T08:42", "expires on 2126-10-31 08:42 UTC, in 29 days; renew it"),
    ("server.pem", "2126-10-31T08:42", "in 0 days; renew it"),
    ("server.pem", "2126-10-31T08:43", "expired on 2126-10-31 08:42 UTC: clients refuse it; renew it"),
    ("server.pem", "2026-11-24T08:42", "is valid only from 2026-11-24 08:42 UTC: clients refuse it; check the clock"),
    ("expired.pem", "2026-12-01T00:00", "expired on 2021-01-01 00:00 UTC"),
    ("future.pem", "2026-12-01T00:00", "is valid only from 2040-01-01 00:00 UTC"),
]


@pytest.mark.parametrize(("name", "at", "warning"), DATES)
def test_a_certificate_out_of_its_time_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, name: str, at: str, warning: str
) -> None:
    monkeypatch.setattr(validity, "now", lambda: datetime.fromisoformat(at).replace(tzinfo=UTC))
    found = list(validity.warnings(PEMS / name))
    assert len(found) == bool(warning)
    for each in found:
        assert each.startswith(f"the certificate in {PEMS / name} ")
        assert warning in each


@pytest.mark.parametrize("name", ["server", "client", "expired", "future"])
def test_the_dates_are_those_that_openssl_reads(name: str) -> None:
    decoded = cast(Any, ssl)._ssl._test_decode_cert(str(PEMS / f"{name}.pem"))
    begin, end = validity.validity(der(name))
    assert begin.timestamp() == ssl.cert_time_to_seconds(decoded["notBefore"])
    assert end.timestamp() == ssl.cert_time_to_seconds(decoded["notAfter"])


def test_every_certificate_of_a_chain_is_looked_at(tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_text("".join((PEMS / f"{name}.pem").read_text() for name in ("server", "expired", "future")))
    assert [each[:20] for each in validity.warnings(chain)] == ["certificate 2 of 3 i", "certificate 3 of 3 i"]


@pytest.mark.parametrize("content", [b"", b"0", b"0\x03\x02\x01\x00", bytes(100), b"\x30\x84\xff\xff\xff\xff"])
def test_bytes_that_are_no_certificate_raise_what_is_caught(content: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        validity.validity(content)


async def test_the_log_warns_at_the_start_and_at_a_renewal(
    engine: Engine, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install("expired", folder)
    async with running(engine, settings(folder, client_ca=PEMS / "future.pem")) as address:
        assert [record.levelname for record in caplog.records].count("WARNING") == 2
        assert f"{folder / 'cert.pem'} expired on" in caplog.text
        assert f"{PEMS / 'future.pem'} is valid only from" in caplog.text
        caplog.clear()
        install("future", folder)
        with contextlib.suppress(OSError):  # the handshake ends without a certificate of the client
            await asyncio.to_thread(shown, address)
        assert f"{folder / 'cert.pem'} is valid only from" in caplog.text


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
async def test_plaintext_for_other_machines_needs_an_option(engine: Engine, address: str, folder: Path) -> None:
    with pytest.raises(CannotListen, match="--tls-cert and --tls-key, or --insecure"):
        async with running(engine, Settings(listen=address)):
            pass
    async with running(engine, Settings(listen=address, insecure=True)) as bound:
        assert bound.rpartition(":")[2] != "0"
