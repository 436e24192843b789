"""`reverie health` says why it gets no answer: plaintext meets TLS, or a certificate is not accepted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner
from reverie_proto.connecting import Cause
from reverie_server import Engine
from reverie_server.process.health_command import REMEDIES, health
from reverie_server.process.settings import Settings

from tests.server.hosts import running

TLS = Path(__file__).parents[2] / "client" / "tls"
TRUSTED = ("--tls-ca", TLS / "server.pem", "--tls-name", "localhost")
OWN = ("--tls-cert", TLS / "client.pem", "--tls-key", TLS / "client.key")

PLAIN = Settings(listen="127.0.0.1:0")
SECURE = Settings(listen="127.0.0.1:0", tls_cert=TLS / "server.pem", tls_key=TLS / "server.key")
MUTUAL = Settings(
    listen="127.0.0.1:0", tls_cert=TLS / "server.pem", tls_key=TLS / "server.key", tls_client_ca=TLS / "client.pem"
)

# The server's settings, the options of the command, its exit status, and what it says.
CASES: dict[str, tuple[Settings, tuple[str | Path, ...], int, tuple[str, ...]]] = {
    "plaintext": (PLAIN, (), 0, ("SERVING",)),
    "TLS": (SECURE, TRUSTED, 0, ("SERVING",)),
    "certificates on both sides": (MUTUAL, (*TRUSTED, *OWN), 0, ("SERVING",)),
    "plaintext to TLS": (SECURE, (), 1, ("as a server with TLS does", "use --tls-ca")),
    "TLS to plaintext": (PLAIN, TRUSTED, 1, ("it speaks plaintext", "leave out --tls-ca")),
    "another authority": (SECURE, ("--tls-ca", TLS / "client.pem"), 1, ("that this client trusts", "--tls-ca")),
    "another name": (SECURE, TRUSTED[:2], 1, ("for another name", "--tls-name")),
    "no certificate of one's own": (MUTUAL, TRUSTED, 1, ("needs one and there is none", "--tls-cert")),
    "half a certificate": (MUTUAL, (*TRUSTED, *OWN[:2]), 2, ("needs --tls-cert, --tls-key and --tls-ca",)),
    "no such file": (SECURE, ("--tls-ca", TLS / "none.pem"), 1, ("none.pem cannot be read: No such file",)),
}


@pytest.mark.parametrize(("settings", "options", "code", "words"), CASES.values(), ids=CASES)
async def test_the_answer_names_the_reason_and_a_remedy(
    engine: Engine, settings: Settings, options: tuple[str | Path, ...], code: int, words: tuple[str, ...]
) -> None:
    async with running(engine, settings) as address:
        arguments = [address, "--timeout", "30", *map(str, options)]
        result = await asyncio.to_thread(CliRunner().invoke, health, arguments)
    assert result.exit_code == code, result.output
    for each in words:
        assert each in result.output


def test_every_cause_has_a_remedy() -> None:
    assert REMEDIES.keys() == set(Cause)
