"""Every client does every case of clients/conformance.md, behind every door, against a real server."""

from __future__ import annotations

import pytest

from tests.clients.cases import CASES, OWN_SERVER
from tests.clients.conftest import Build, Serve
from tests.clients.doors import DOORS, Door
from tests.clients.drivers import Driver
from tests.clients.languages import LANGUAGES, Language


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_a_client_sees_what_is_right(
    language: Language, door: Door, case: str, build: Build, shared: Serve, own: Serve
) -> None:
    build(language)
    served = own(door, *OWN_SERVER[case]) if case in OWN_SERVER else shared(door)
    CASES[case](Driver(language, served))
