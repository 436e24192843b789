"""Connections to a server: addresses, TLS and tokens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import grpc
import pytest
import reverie
from reverie._connection import connection
from reverie._translation import REMEDIES
from reverie_proto.connecting import Cause

from tests.client.scripted import Connect, Script, serving

# Made for these tests only; no other program trusts them.
TLS = Path(__file__).parent / "tls"
SERVER_PEM, SERVER_KEY = TLS / "server.pem", TLS / "server.key"
CLIENT_PEM, CLIENT_KEY = TLS / "client.pem", TLS / "client.key"

# An address, gRPC's form of it, and whether it uses plaintext by default.
ADDRESSES = [
    ("localhost:1234", "localhost:1234", True),
    ("localhost", "localhost:50051", True),
    ("127.0.0.1:1", "127.0.0.1:1", True),
    ("127.8.8.8:1", "127.8.8.8:1", True),
    ("[::1]:50051", "[::1]:50051", True),
    ("unix:/run/reverie.sock", "unix:/run/reverie.sock", True),
    ("example.org:443", "example.org:443", False),
    ("example.org", "example.org:50051", False),
    ("10.0.0.1:50051", "10.0.0.1:50051", False),
    ("0.0.0.0:50051", "0.0.0.0:50051", False),
    ("[2001:db8::1]:50051", "[2001:db8::1]:50051", False),
    ("localhost.example.org:1", "localhost.example.org:1", False),
]

NO_ADDRESSES = [
    "",
    ":50051",
    "a b:1",
    "http://localhost:50051",
    "localhost:",
    "localhost:65536",
    "::1",
    "unix:",
    "u@h:1",
]

REMOTE = "example.org:443"

# Arguments that contradict each other or would send a token in plaintext, and the message.
REFUSED = [
    ("localhost", {"insecure": True, "tls_ca": SERVER_PEM}, "contradict"),
    ("localhost", {"tls_cert": CLIENT_PEM}, "both tls_cert and tls_key"),
    ("localhost", {"tls_key": CLIENT_KEY}, "both tls_cert and tls_key"),
    ("localhost", {"tls_ca": "/no/such.pem"}, r"/no/such\.pem cannot be read"),
    (REMOTE, {"token": "secret", "insecure": True}, "plaintext"),
]


@pytest.mark.parametrize(("written", "target", "plaintext"), ADDRESSES)
def test_an_address_is_parsed_and_only_this_machine_uses_plaintext(written: str, target: str, plaintext: bool) -> None:
    found = connection(written)
    assert (found.target, found.credentials is None) == (target, plaintext)


@pytest.mark.parametrize("written", NO_ADDRESSES)
def test_an_invalid_address_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(reverie.UsageError, match="is not an address: write HOST:PORT"):
        reverie.Client(written)


@pytest.mark.parametrize(("address", "arguments", "words"), REFUSED)
@pytest.mark.parametrize("kind", [reverie.Client, reverie.AsyncClient])
def test_contradictory_arguments_are_refused(
    kind: type[reverie.Client] | type[reverie.AsyncClient], address: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(reverie.UsageError, match=words):
        kind(address, **arguments)


def test_plaintext_to_another_machine_needs_an_option() -> None:
    assert connection(REMOTE, insecure=True).credentials is None


def test_tls_on_this_machine_needs_an_option() -> None:
    assert connection("localhost", insecure=False).credentials is not None


def test_every_call_has_the_token(connect: Connect, address: str, script: Script) -> None:
    client = connect(address, token="secret")
    client.models()
    client.render("tiny", "conv1_1", 3)
    list(client.stream("tiny", "conv1_1", 3))
    assert [sent["authorization"] for sent in script.metadata] == ["Bearer secret"] * 4


def test_a_token_is_not_shown(address: str) -> None:
    assert "secret" not in repr(reverie.Client(address, token="secret"))


def test_a_server_is_trusted_if_its_authority_is_given(connect: Connect, script: Script) -> None:
    with serving(script, "localhost:0", server_credentials()) as (address, _):
        assert len(connect(address, tls_ca=SERVER_PEM, token="secret").models()) == 2
        assert (
            len(connect(address.replace("localhost", "127.0.0.1"), tls_ca=SERVER_PEM, tls_name="reverie.test").models())
            == 2
        )
    assert script.metadata[0]["authorization"] == "Bearer secret"


# The name localhost may have two addresses, and old releases of grpc tell the error of the last one that they tried.
ONE_ADDRESS = "127.0.0.1:0"
MTLS = {"client_authority": CLIENT_PEM}

# The server's credentials (None: plaintext), the arguments of a client, and what the error says.
MISUNDERSTANDINGS: dict[str, tuple[dict[str, Any] | None, dict[str, Any], tuple[str, ...]]] = {
    "plaintext to a server with TLS": ({}, {}, ("closes them at once, as a server with TLS does", "tls_ca")),
    "plaintext to a server that wants certificates": (MTLS, {}, ("as a server with TLS does", "tls_ca")),
    "TLS to a server in plaintext": (None, {"tls_ca": SERVER_PEM}, ("it speaks plaintext", "insecure=True")),
    "TLS by the system's authorities to plaintext": (None, {"insecure": False}, ("it speaks plaintext", "--insecure")),
    "an unknown authority": ({}, {"tls_ca": CLIENT_PEM}, ("an authority that this client trusts", "tls_ca")),
    "the system's authorities": ({}, {"insecure": False}, ("an authority that this client trusts", "tls_ca")),
    "another name": ({}, {"tls_ca": SERVER_PEM, "tls_name": "other.test"}, ("is for another name", "tls_name")),
    "no certificate of one's own": (MTLS, {"tls_ca": SERVER_PEM}, ("needs one and there is none", "tls_cert")),
    "an unknown certificate of one's own": (
        MTLS,
        {"tls_ca": SERVER_PEM, "tls_cert": SERVER_PEM, "tls_key": SERVER_KEY},
        ("refuses the client's certificate", "tls_cert"),
    ),
}


@pytest.mark.parametrize(("served", "arguments", "words"), MISUNDERSTANDINGS.values(), ids=MISUNDERSTANDINGS)
def test_a_client_and_a_server_that_do_not_understand_each_other_say_why(
    connect: Connect, script: Script, served: dict[str, Any] | None, arguments: dict[str, Any], words: tuple[str, ...]
) -> None:
    credentials = None if served is None else server_credentials(**served)
    named = {"tls_name": "reverie.test"} | arguments if "tls_ca" in arguments else arguments
    with serving(script, ONE_ADDRESS, credentials) as (address, _):
        client = connect(address, timeout=30, **named)
        with pytest.raises(reverie.Unavailable) as caught:
            client.models()
    assert caught.value.message.startswith(f"No Reverie server answers at {address}: ")
    for each in words:
        assert each in caught.value.message
    assert script.requests == []


@pytest.mark.parametrize("name", ["expired", "future"])
def test_a_certificate_out_of_its_time_is_refused(connect: Connect, script: Script, name: str) -> None:
    with serving(script, ONE_ADDRESS, server_credentials(name)) as (address, _):
        client = connect(address, timeout=30, tls_ca=TLS / f"{name}.pem", tls_name="reverie.test")
        with pytest.raises(reverie.Unavailable) as caught:
            client.models()
    # Old releases of grpc do not say why a certificate is refused.
    assert re.search("has expired|not valid yet|an authority that this client trusts", caught.value.message)


def test_a_server_that_is_not_there_is_not_said_to_have_tls(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(reverie.Unavailable) as caught:
        connect(f"unix:{tmp_path}/nobody.sock", timeout=30).models()
    assert "TLS" not in caught.value.message


async def test_the_asyncio_client_says_the_same(script: Script) -> None:
    with serving(script, "localhost:0", server_credentials()) as (address, _):
        async with reverie.AsyncClient(address, timeout=30) as client:
            with pytest.raises(reverie.Unavailable, match="as a server with TLS does"):
                await client.models()


def test_every_cause_has_a_remedy() -> None:
    assert REMEDIES.keys() == set(Cause)


def test_a_client_can_present_a_certificate(connect: Connect, script: Script) -> None:
    credentials = server_credentials(client_authority=CLIENT_PEM)
    with serving(script, "localhost:0", credentials) as (address, _):
        known = connect(address, tls_ca=SERVER_PEM, tls_cert=CLIENT_PEM, tls_key=CLIENT_KEY)
        assert len(known.models()) == 2
        stranger = connect(address, tls_ca=SERVER_PEM, timeout=10)
        with pytest.raises(reverie.Unavailable):
            stranger.models()


def server_credentials(name: str = "server", client_authority: Path | None = None) -> grpc.ServerCredentials:
    pair = ((TLS / f"{name}.key").read_bytes(), (TLS / f"{name}.pem").read_bytes())
    authority = client_authority and client_authority.read_bytes()
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=authority is not None)
