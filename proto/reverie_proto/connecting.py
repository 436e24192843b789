"""Finds in gRPC's messages why no connection was made: plaintext meets TLS, or a certificate is not accepted.

gRPC has one status for all of them, UNAVAILABLE, and its messages name neither the cause nor a remedy. The remedy
depends on who connects, so each caller has a table of its own.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple


class Cause(Enum):
    """Why a client and a server do not understand each other; the value is a sentence about the server."""

    TLS_SERVER = "it accepts connections in plaintext and closes them at once, as a server with TLS does"
    PLAINTEXT_SERVER = "it speaks plaintext, and the client speaks TLS"
    EXPIRED = "its certificate has expired"
    NOT_YET_VALID = "its certificate is not valid yet, by the clock of this machine"
    OTHER_NAME = "its certificate is for another name"
    UNTRUSTED = "its certificate is not signed by an authority that this client trusts"
    CLIENT_REFUSED = "it refuses the client's certificate, or needs one and there is none"


class Sign(NamedTuple):
    """What gRPC's message holds, for a client in plaintext or with TLS, and what it means."""

    plaintext: bool
    pattern: re.Pattern[str]
    cause: Cause


def _sign(pattern: str, cause: Cause, *, plaintext: bool = False) -> Sign:
    return Sign(plaintext, re.compile(pattern, re.IGNORECASE), cause)


#: The connection was made and ended before gRPC's first frame. After a frame the message has another beginning.
CLOSED = r"failed to connect to all addresses.*(socket closed|connection reset|broken pipe|end of tcp stream|settings)"

#: From the most to the least special.
SIGNS = (
    _sign(CLOSED, Cause.TLS_SERVER, plaintext=True),
    _sign("WRONG_VERSION_NUMBER", Cause.PLAINTEXT_SERVER),
    _sign("certificate has expired", Cause.EXPIRED),
    _sign("certificate is not yet valid", Cause.NOT_YET_VALID),
    _sign("hostname verification check failed|is not in peer certificate", Cause.OTHER_NAME),
    _sign("CERTIFICATE_VERIFY_FAILED", Cause.UNTRUSTED),
    _sign(CLOSED, Cause.CLIENT_REFUSED),
)


def cause(message: str, *, plaintext: bool) -> Cause | None:
    """Return why a client failed to connect, from gRPC's message of a status UNAVAILABLE; None for another reason."""
    return next((each.cause for each in SIGNS if each.plaintext == plaintext and each.pattern.search(message)), None)
