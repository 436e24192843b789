"""Reads from when to when certificates are valid, and says so if that is over, not begun or nearly over.

Python's own `ssl` shows the dates of certificates only after a handshake. This reads the few bytes of X.509 (RFC 5280,
section 4.1) that hold them.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

#: A certificate that expires in less than this should have been renewed.
SOON = timedelta(days=30)

BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

# Tags of DER.
VERSION, UTC_TIME, GENERALIZED_TIME = 0xA0, 0x17, 0x18
FORMATS = {UTC_TIME: "%y%m%d%H%M%SZ", GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}


def now() -> datetime:
    """Return the time by this machine's clock."""
    return datetime.now(UTC)


def warnings(file: Path) -> Iterator[str]:
    """Yield a sentence for each certificate of a PEM file that is out of its time, or soon will be."""
    blocks = BLOCK.findall(file.read_text("ascii", errors="replace"))
    for number, block in enumerate(blocks, 1):
        name = f"certificate {number} of {len(blocks)} in {file}" if len(blocks) > 1 else f"the certificate in {file}"
        try:
            begin, end = validity(ssl.PEM_cert_to_DER_cert(block))
        except (ValueError, IndexError):
            continue  # OpenSSL refuses it, if it is used
        if end < now():
            yield f"{name} expired on {end:%Y-%m-%d %H:%M} UTC: clients refuse it; renew it"
        elif begin > now():
            yield f"{name} is valid only from {begin:%Y-%m-%d %H:%M} UTC: clients refuse it; check the clock"
        elif end < now() + SOON:
            yield f"{name} expires on {end:%Y-%m-%d %H:%M} UTC, in {(end - now()).days} days; renew it"


def validity(der: bytes) -> tuple[datetime, datetime]:
    """Return from when to when a certificate is valid; raise ValueError or IndexError for bytes that are none."""
    _, certificate, _ = _element(der)
    _, signed, _ = _element(certificate)
    fields = list(_elements(signed))
    # An optional version, then number, algorithm, issuer, and the two times.
    _, times = fields[4 if fields[0][0] == VERSION else 3]
    (begin, end) = (_time(tag, content) for tag, content in _elements(times))
    return begin, end


def _time(tag: int, content: bytes) -> datetime:
    if tag not in FORMATS:
        raise ValueError(f"tag {tag} is no time")
    time = datetime.strptime(content.decode("ascii"), FORMATS[tag]).replace(tzinfo=UTC)
    # The two digits of a year mean 1950 to 2049; Python takes them for 1969 to 2068.
    return time.replace(year=time.year - 100) if tag == UTC_TIME and time.year >= 2050 else time


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        tag, content, data = _element(data)
        yield tag, content


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Return the tag and the content of the first element of DER, and the bytes behind it."""
    tag, length, begin = data[0], data[1], 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(data[2:begin], "big")
    if begin + length > len(data):
        raise ValueError("an element ends behind the data")
    return tag, data[begin : begin + length], data[begin + length :]
