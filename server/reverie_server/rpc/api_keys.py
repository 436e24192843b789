"""Creates and checks API keys, which are stored as hashes in one file.

A key is ``reverie_ID_SECRET``: the id identifies its entry, and the secret, 256 random bits, authenticates the caller.
The file holds the SHA-256 of the whole key: for a secret of that entropy a slower hash adds no security.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Annotated

from annotated_types import Gt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reverie_server.rpc.caller import RIGHTS
from reverie_server.scheduler.quotas import Account, Quota, no_bounds

log = logging.getLogger(__name__)

KEY = re.compile(r"reverie_(?P<id>[0-9a-f]{12})_[A-Za-z0-9_-]{43}")
MAX_BYTES = 16 * 2**20

#: What the name of an account begins with: the rest is the key's id.
OWNER = "key:"


class UnusableKeys(Exception):
    """The file of keys cannot be read or written; the message names it and what is wrong."""


class ApiKey(BaseModel):
    """The entry of one key in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\w.@-]+$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    rights: Annotated[tuple[str, ...], Field(min_length=1)]
    created: str
    #: Renders in progress at once, and pixels times steps in a minute; None means no bound.
    renders: Annotated[int, Gt(0)] | None = None
    pixel_steps_per_minute: Annotated[float, Gt(0)] | None = None

    @property
    def quota(self) -> Quota:
        """The bounds of the key's usage."""
        return Quota(self.renders, self.pixel_steps_per_minute)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: tuple[ApiKey, ...] = ()


def new_key(name: str, *, rights: Sequence[str], quota: Quota) -> tuple[str, ApiKey]:
    """Return a new key's text, which is stored nowhere, and its entry; raise UnusableKeys for a bad name or right."""
    number = secrets.token_hex(6)
    text = f"reverie_{number}_{secrets.token_urlsafe(32)}"
    if unknown := set(rights) - set(RIGHTS):
        raise UnusableKeys(f"there is no right {min(unknown)!r}; there are {', '.join(RIGHTS)}")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        return text, ApiKey(
            id=number, name=name, sha256=_hash(text), rights=tuple(rights), created=created, **asdict(quota)
        )
    except ValidationError as error:
        raise UnusableKeys(f"such a key cannot be: {_first(error)}") from None


def read(path: Path) -> tuple[ApiKey, ...]:
    """Return the keys of a file; raise UnusableKeys if it cannot be read, is not valid or has an entry twice."""
    keys, text = _read(path)
    if repeated := list(_repeated(keys, text)):
        raise UnusableKeys(f"{path}: {'; '.join(repeated)}")
    return keys


def read_entries(path: Path) -> tuple[ApiKey, ...]:
    """Return the keys of a file as `read` does, but accept repeated ones, so that they can be listed and revoked."""
    return _read(path)[0]


def _read(path: Path) -> tuple[tuple[ApiKey, ...], str]:
    """Return the keys of a file and its text."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnusableKeys(f"{path} is larger than {MAX_BYTES} bytes, which no file of keys is")
        text = path.read_text("utf-8", errors="replace")
        keys = _File.model_validate_json(text).keys
    except OSError as error:
        raise UnusableKeys(
            f"the keys in {path} cannot be read: {error.strerror}; make one with `reverie keys create`"
        ) from error
    except ValidationError as error:
        raise UnusableKeys(f"{path} holds no keys as `reverie keys` writes them: {_first(error)}") from None
    if unknown := {right for key in keys for right in key.rights} - set(RIGHTS):
        raise UnusableKeys(f"{path} gives the right {min(unknown)!r}; there are {', '.join(RIGHTS)}")
    return keys, text


#: What only one entry of a file may have, how a message calls it, and what mends the file.
UNIQUE = {
    "name": ("keys named {value!r}", "revoke all but one with `reverie keys revoke ID`, or rename them in the file"),
    "id": ("keys with the id {value!r}", "delete all but one from the file"),
    "sha256": ("names for one key", "delete all but one from the file, and make the others with `reverie keys create`"),
}


def _repeated(keys: Sequence[ApiKey], text: str) -> Iterator[str]:
    """Yield a sentence for each value that only one entry may have and several have, with their lines in the file."""
    for field, (called, remedy) in UNIQUE.items():
        values = Counter(getattr(key, field) for key in keys)
        for value in [value for value, times in values.items() if times > 1]:
            lines = ", ".join(map(str, _lines(text, field, value)))
            yield f"{values[value]} {called.format(value=value)}, in lines {lines}; {remedy}"


def _lines(text: str, field: str, value: str) -> Iterator[int]:
    """Yield the number of each line of a JSON text on which a field has a value."""
    for found in re.finditer(rf'"{field}"\s*:\s*("(?:[^"\\]|\\.)*")', text):
        if json.loads(found[1]) == value:
            yield text.count("\n", 0, found.start(1)) + 1


def write(path: Path, keys: Sequence[ApiKey]) -> None:
    """Replace a file of keys atomically, readable by this user only; raise UnusableKeys if that is not possible."""
    text = json.dumps({"keys": [key.model_dump() for key in keys]}, indent=2) + "\n"
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".keys-", delete=False) as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise UnusableKeys(f"the keys cannot be written to {path}: {error.strerror}") from error


class ApiKeyFile:
    """The keys of a file, which is read again when it changes, and the usage of each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._accounts: dict[str, Account] = {}
        self._seen = self._stamp()
        self._keys = {key.id: key for key in read(path)}

    def authenticate(self, text: str) -> tuple[ApiKey, Account] | None:
        """Return the key with this text, and its account; None if there is none."""
        keys = self._current()
        match = KEY.fullmatch(text)
        key = keys.get(match["id"]) if match else None
        expected = key.sha256 if key else _hash("")
        if not hmac.compare_digest(_hash(text), expected) or key is None:
            return None
        with self._lock:
            return key, self._account(key)

    def account_of(self, owner: str) -> Account | None:
        """Return the account of a client that may use the server; None if its key is not known any more.

        The clients without a key, from times without keys, have no bounds.
        """
        if not owner.startswith(OWNER):
            return no_bounds(owner)
        keys = self._current()
        with self._lock:
            key = keys.get(owner.removeprefix(OWNER))
            return None if key is None else self._account(key)

    def _account(self, key: ApiKey) -> Account:
        """Return the account of a key, which outlives changes of its name and quota; the lock is held."""
        account = self._accounts.setdefault(key.id, Account(owner=OWNER + key.id))
        account.adopt(key.quota)
        return account

    def _current(self) -> dict[str, ApiKey]:
        with self._lock:
            if (stamp := self._stamp()) != self._seen:
                try:
                    self._keys = {key.id: key for key in read(self._path)}
                    log.info("%d keys were read again from %s", len(self._keys), self._path)
                except UnusableKeys as problem:
                    log.warning("the keys stay those before: %s", problem)
                self._seen = stamp
            return self._keys

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _first(error: ValidationError) -> str:
    """Return the first problem without the value, which may be a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
