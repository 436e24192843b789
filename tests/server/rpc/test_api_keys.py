"""API keys: storage, rights, quotas, and secrecy."""

from __future__ import annotations

import asyncio
import json
import logging
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from google.rpc import error_details_pb2 as rpc
from prometheus_client import generate_latest
from reverie_proto.v1 import visualization_pb2 as wire
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server import Engine
from reverie_server.process.keys_command import keys as command
from reverie_server.process.metrics import Metrics
from reverie_server.process.settings import Settings
from reverie_server.rpc import health
from reverie_server.rpc.api_keys import ApiKeyFile, UnusableKeys, read
from reverie_server.rpc.auth import REQUIRED_RIGHTS

from tests.server.fakes import PATIENCE_S
from tests.server.hosts import Refusal, render_request, running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The path of the key file, which does not exist yet."""
    return tmp_path / "keys.json"


def run(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--keys", str(file)])


def create(file: Path, name: str = "ada", *options: str) -> str:
    result = run(file, "create", name, *options)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


@asynccontextmanager
async def guarded(engine: Engine, file: Path, **more: Any) -> AsyncIterator[Any]:
    """Start a server that needs keys, and yield a function that calls it with a key."""
    settings = Settings(listen="127.0.0.1:0", keys=file)
    async with running(engine, settings, **more) as address, grpc.aio.insecure_channel(address) as channel:
        stub = VisualizationServiceStub(channel)

        async def call(method: str, request: Any, key: str | None) -> Any:
            return await getattr(stub, method)(request, metadata=bearer(key), timeout=30)

        call.channel, call.stub = channel, stub  # type: ignore[attr-defined]
        yield call


def bearer(key: str | None) -> tuple[tuple[str, str], ...]:
    return () if key is None else (("authorization", f"Bearer {key}"),)


async def refused(awaitable: Any) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    return Refusal(caught.value)


async def status(awaitable: Any) -> grpc.StatusCode:
    try:
        await awaitable
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


# ----- the file -----


def test_a_key_is_printed_once_and_kept_as_a_hash(file: Path) -> None:
    key = create(file)
    assert key not in file.read_text()
    assert key.split("_", 2)[2] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (kept,) = read(file)
    assert (kept.name, kept.rights) == ("ada", ("read", "render"))
    assert key not in run(file, "list").stdout
    assert kept.id in run(file, "list").stdout


def test_a_key_is_recognised_until_it_is_revoked(file: Path) -> None:
    first, second = create(file), create(file, "bob")
    ring = ApiKeyFile(file)
    assert {found[0].name for key in (first, second) if (found := ring.authenticate(key))} == {"ada", "bob"}
    assert run(file, "revoke", read(file)[0].id).exit_code == 0
    assert ring.authenticate(first) is None
    assert ring.authenticate(second) is not None


@pytest.mark.parametrize(
    "damage", [lambda k: k[:-1], lambda k: k + "A", lambda k: k.upper(), lambda k: "", lambda k: "ä" * 9]
)
def test_an_altered_key_is_refused(file: Path, damage: Any) -> None:
    key = create(file)
    assert ApiKeyFile(file).authenticate(damage(key)) is None


def test_a_broken_file_leaves_the_previous_keys_in_use(file: Path) -> None:
    key = create(file)
    ring = ApiKeyFile(file)
    file.write_text("{")
    assert ring.authenticate(key) is not None


# Contents of a file, and the message.
FILES = [
    ("{", "holds no keys"),
    ('{"keys": [{"id": "x"}]}', "holds no keys"),
    ('{"keyz": []}', "holds no keys"),
    ("[]", "holds no keys"),
]


@pytest.mark.parametrize(("text", "message"), FILES)
def test_an_invalid_key_file_is_refused(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(UnusableKeys, match=message):
        ApiKeyFile(file)


def entry(number: int, **changed: str) -> dict[str, Any]:
    whole = {"id": f"{number:012x}", "name": f"n{number}", "sha256": f"{number:064x}", "created": "2026"}
    return {**whole, "rights": ["read"], **changed}


# What the second and the third of three entries share with the first, and the message. An entry has 8 lines.
REPEATED = {
    "a name": ({"name": "n0"}, r"3 keys named 'n0', in lines 5, 14, 23; .*revoke ID"),
    "a name with an umlaut": ({"name": "Zoë"}, r"2 keys named 'Zoë', in lines 14, 23; "),
    "an id": ({"id": f"{0:012x}"}, r"3 keys with the id '000000000000', in lines 4, 13, 22; delete"),
    "a key": ({"sha256": f"{0:064x}"}, r"3 names for one key, in lines 6, 15, 24; delete"),
}


@pytest.mark.parametrize(("shared", "message"), REPEATED.values(), ids=REPEATED)
def test_an_entry_that_is_there_twice_is_refused_with_its_lines(
    file: Path, shared: dict[str, str], message: str
) -> None:
    entries = [entry(0), entry(1, **shared), entry(2, **shared)]
    file.write_text(json.dumps({"keys": entries}, indent=2))
    with pytest.raises(UnusableKeys, match=message) as refusal:
        ApiKeyFile(file)
    assert f"{0:064x}" not in str(refusal.value)


def test_a_name_that_is_there_twice_can_be_revoked(file: Path) -> None:
    file.write_text(json.dumps({"keys": [entry(0), entry(1, name="n0")]}))
    assert run(file, "list").stdout.count("n0") == 2
    assert run(file, "create", "other").exit_code == 2
    assert run(file, "revoke", f"{1:012x}").exit_code == 0
    assert [key.id for key in read(file)] == [f"{0:012x}"]


def test_a_second_key_of_one_name_is_not_made(file: Path) -> None:
    create(file, "ada")
    before = file.read_bytes()
    result = run(file, "create", "ada")
    assert result.exit_code == 2
    assert f"has a key named 'ada', {read(file)[0].id}: choose another name, or revoke it first" in result.stderr
    assert file.read_bytes() == before


def test_secrets_in_the_file_are_not_in_its_errors(file: Path) -> None:
    create(file)
    kept = json.loads(file.read_text())
    hashed = kept["keys"][0]["sha256"]
    kept["keys"][0]["sha256"] = hashed.upper()
    file.write_text(json.dumps(kept))
    with pytest.raises(UnusableKeys) as error:
        read(file)
    assert hashed.upper() not in str(error.value)


# Arguments, and the message.
TYPED = [
    (("create", "a b"), "name"),
    (("create", "ada", "--rights", "write"), "there is no right 'write'; there are read, render"),
    (("create", "ada", "--renders", "0"), "renders"),
    (("create", "ada", "--pixel-steps", "-1"), "pixel_steps_per_minute"),
    (("revoke", "0123"), "cannot be read"),
    (("list",), "cannot be read"),
]


@pytest.mark.parametrize(("typed", "message"), TYPED)
def test_a_mistake_is_a_sentence(file: Path, typed: tuple[str, ...], message: str) -> None:
    result = run(file, *typed)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not file.exists()


# ----- rights -----


async def test_keys_permit_the_calls_of_their_rights(engine: Engine, file: Path) -> None:
    reader, all_of_it = create(file, "reader", "--rights", "read"), create(file)
    async with guarded(engine, file) as call:
        for key in (reader, all_of_it):
            assert len((await call("ListModels", wire.ListModelsRequest(), key)).models) == 1
        assert (await call("RenderImage", render_request(), all_of_it)).rendering.steps == 1
        refusal = await refused(call("RenderImage", render_request(), reader))
        assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
        assert refusal.detail(rpc.ErrorInfo).reason == "MISSING_RIGHT"


@pytest.mark.parametrize("key", [None, "", "x", "reverie_000000000000_" + "A" * 43, "reverie_" + "é"])
async def test_an_unknown_key_is_refused(engine: Engine, file: Path, key: str | None) -> None:
    create(file)
    if key is not None and not key.isascii():
        key = "reverie_%C3%A9"  # metadata is ASCII
    async with guarded(engine, file) as call:
        for method, request in (("GetServerInfo", wire.GetServerInfoRequest()), ("RenderImage", render_request())):
            refusal = await refused(call(method, request, key))
            assert refusal.code is grpc.StatusCode.UNAUTHENTICATED


async def test_probes_need_no_key(engine: Engine, file: Path) -> None:
    create(file)
    async with guarded(engine, file) as call:
        check = call.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            health.HealthCheckRequest.SerializeToString,
            health.HealthCheckResponse.FromString,
        )
        assert (await check(health.HealthCheckRequest(), timeout=20)).status == health.SERVING


def test_every_method_needs_a_right() -> None:
    methods = {method.name for method in wire.DESCRIPTOR.services_by_name["VisualizationService"].methods}
    assert methods - REQUIRED_RIGHTS.keys() == set()


# ----- quotas -----


async def test_a_key_without_quota_gets_a_retry_time(engine: Engine, file: Path) -> None:
    frugal, rich = create(file, "frugal", "--pixel-steps", "256"), create(file, "rich")
    async with guarded(engine, file) as call:
        await call("RenderImage", render_request(steps=2), frugal)
        refusal = await refused(call("RenderImage", render_request(), frugal))
        assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal.detail(rpc.RetryInfo).retry_delay.seconds >= 50
        assert refusal.detail(rpc.QuotaFailure).violations[0].subject == "pixel_steps_per_minute"
        await call("RenderImage", render_request(), rich)


async def test_a_place_is_free_again_when_its_render_is_cancelled(engine: Engine, file: Path) -> None:
    key = create(file, "ada", "--renders", "1")
    async with guarded(engine, file) as call:
        long = call.stub.StreamRender(
            wire.StreamRenderRequest(spec=render_request(steps=10_000, size_px=256).spec), metadata=bearer(key)
        )
        assert (await long.read()).HasField("accepted")
        assert await status(call("RenderImage", render_request(), key)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        long.cancel()
        async with asyncio.timeout(PATIENCE_S):
            while await status(call("RenderImage", render_request(), key)) is not grpc.StatusCode.OK:
                await asyncio.sleep(0.02)


# ----- secrets -----


async def test_a_key_appears_in_no_output_of_the_server(
    engine: Engine, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reader, revoked, metrics = create(file, "reader", "--rights", "read"), create(file, "late"), Metrics()
    run(file, "revoke", read(file)[1].id)
    message: list[str] = []
    async with guarded(engine, file, observer=metrics) as call:
        for key in (reader, revoked):
            for method, request in (("ListModels", wire.ListModelsRequest()), ("RenderImage", render_request())):
                try:
                    message.append(str(await call(method, request, key)))
                except grpc.aio.AioRpcError as error:
                    message.append(f"{error!r} {error.trailing_metadata()!r}")
    message += [caplog.text, generate_latest(metrics.registry).decode(), str(vars(engine))]
    for key in (reader, revoked):
        secret = key.split("_", 2)[2]
        assert [text for text in message if secret in text] == []
