"""TLS, certificates that change while the server runs, and addresses that need no TLS."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path

import grpc
import pytest
from reverie_proto.v1.visualization_pb2 import ListModelsRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server import Engine
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


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
async def test_plaintext_for_other_machines_needs_an_option(engine: Engine, address: str, folder: Path) -> None:
    with pytest.raises(CannotListen, match="--tls-cert and --tls-key, or --insecure"):
        async with running(engine, Settings(listen=address)):
            pass
    async with running(engine, Settings(listen=address, insecure=True)) as bound:
        assert bound.rpartition(":")[2] != "0"
