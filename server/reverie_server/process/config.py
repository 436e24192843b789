"""Reads settings from flags, environment and file, and records the source of each value.

A flag wins over an environment variable, a variable over the file, the file over the default. Each bound of `limits` is
a separate setting. An unknown name in any of the three is an error that suggests the nearest known names.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from reverie_server.limits import Limits
from reverie_server.process.redaction import redact_urls
from reverie_server.process.settings import PREFIX, Setting, Settings, table
from reverie_server.request.validation import suggestion

#: Environment variables of Reverie that are not settings of a server: the client's, and the path of the file.
OTHER_VARIABLES = (
    "REVERIE_CONFIG",
    "REVERIE_SERVER",
    "REVERIE_TOKEN",
    "REVERIE_TLS_CA",
    "REVERIE_CLIENT_CERT",
    "REVERIE_CLIENT_KEY",
)
LIMITS_PREFIX = f"{PREFIX}LIMITS_"
#: Variables that Kubernetes sets for a Service called reverie.
LINKS = re.compile(r"REVERIE_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_.*)?)")

#: The largest configuration file, in bytes.
MAX_BYTES = 2**20

ALL = {setting.name: setting for setting in table()}
BOUNDS = [bound.name for bound in fields(Limits)]


class Misconfigured(Exception):
    """Settings are invalid; the message has a line for each, with its source and the remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Configuration:
    """Valid settings, and the source of each that is not a default."""

    settings: Settings
    origins: Mapping[str, str]


def configure(flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None) -> Configuration:
    """Return the settings from flags, environment and file; raise Misconfigured with all errors.

    `flags` holds only the flags that were given.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source in (_file(file, problems), _environment(environment, problems), _flags(flags, problems)):
        for path, (value, origin) in source.items():
            values[path], origins[path] = value, origin
    nested = {name: value for name, value in values.items() if "." not in name}
    bounds = {name.partition(".")[2]: value for name, value in values.items() if "." in name}
    try:
        settings = TypeAdapter(Settings).validate_python({**nested, **({"limits": bounds} if bounds else {})})
    except ValidationError as error:
        raise Misconfigured([*problems, *(_sentence(each, origins) for each in error.errors())]) from None
    problems += _contradictions(settings)
    if problems:
        raise Misconfigured(problems)
    return Configuration(settings, origins)


Source = dict[str, tuple[Any, str]]


def _file(path: Path | None, problems: list[str]) -> Source:
    if path is None:
        return {}
    try:
        if path.stat().st_size > MAX_BYTES:
            problems.append(f"{path} is larger than {MAX_BYTES} bytes, which no configuration is")
            return {}
        content = tomllib.loads(path.read_text())
    except OSError as error:
        problems.append(f"{path} cannot be read: {error.strerror}")
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path} is not valid TOML: {error}")
        return {}
    settings: Source = {}
    for name, value in content.items():
        if name not in ALL:
            problems.append(f"{path}: there is no setting {name!r}; {suggestion(name, list(ALL))}")
        elif name != "limits":
            settings[name] = (value, str(path))
        elif not isinstance(value, dict):
            problems.append(f"{path}: limits is a table, [limits], with a line for each bound")
        else:
            for bound, most in value.items():
                if bound in BOUNDS:
                    settings[f"limits.{bound}"] = (most, str(path))
                else:
                    problems.append(f"{path}: there is no limit {bound!r}; {suggestion(bound, BOUNDS)}")
    return settings


def _environment(environment: Mapping[str, str], problems: list[str]) -> Source:
    known = {setting.variable: setting for setting in ALL.values() if setting.name != "limits"}
    bounds = {LIMITS_PREFIX + bound.upper(): bound for bound in BOUNDS}
    settings: Source = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES or LINKS.fullmatch(variable) or not text:
            continue
        if variable in known:
            settings[known[variable].name] = (_value(known[variable], text), variable)
        elif variable in bounds:
            settings[f"limits.{bounds[variable]}"] = (text, variable)
        else:
            problems.append(
                f"there is no setting {variable}; {suggestion(variable, [*known, *bounds, *OTHER_VARIABLES])}"
            )
    return settings


def _flags(flags: Mapping[str, Any], problems: list[str]) -> Source:
    settings: Source = {name: (value, ALL[name].flag) for name, value in flags.items() if name != "limits"}
    for text in flags.get("limits", ()):
        bound, equals, most = text.partition("=")
        if not equals:
            problems.append(f"--limit {text}: is not NAME=VALUE, such as max_steps=2000")
        elif bound not in BOUNDS:
            problems.append(f"--limit {text}: there is no limit {bound!r}; {suggestion(bound, BOUNDS)}")
        else:
            settings[f"limits.{bound}"] = (most, f"--limit {bound}")
    return settings


def _value(setting: Setting, text: str) -> Any:
    """Return the value of a variable's text; several folders are separated as in PATH."""
    return [part for part in text.split(os.pathsep) if part] if setting.kind is tuple else text


def _sentence(error: Any, origins: Mapping[str, str]) -> str:
    path = ".".join(str(part) for part in error["loc"] if part in ALL or part in BOUNDS)
    allowed = error["msg"][:1].lower() + error["msg"][1:]
    shown = json.dumps(error["input"], default=str)
    return f"{origins.get(path, path)}: {path} cannot be {redact_urls(shown)[:80]}: {allowed}"


def _contradictions(settings: Settings) -> Iterator[str]:
    if settings.exact and settings.bfloat16:
        yield "--exact and --bfloat16 contradict each other."
    if (settings.tls_cert is None) != (settings.tls_key is None):
        yield "TLS needs both tls_cert and tls_key; one is missing."
    elif settings.tls_client_ca is not None and settings.tls_cert is None:
        yield "tls_client_ca asks clients for certificates, which needs TLS: give tls_cert and tls_key too."
    if settings.tls_cert is not None and settings.insecure:
        yield "insecure and tls_cert contradict each other."
    for name, value in asdict(settings.limits).items():
        if value < 1:
            yield f"limits.{name} cannot be {value}: it is at least 1"
    request, response = settings.limits.max_request_bytes, settings.limits.max_response_bytes
    if 2 * request > response:  # a job's request is part of the replies about the job, with its defaults filled in
        yield f"limits.max_request_bytes, {request}, is more than half of max_response_bytes, {response}"
    low, high = settings.limits.min_size_px, settings.limits.max_size_px
    if low > high:
        yield f"limits.min_size_px, {low}, is more than max_size_px, {high}"


# ----- printing -----


def toml(configuration: Configuration) -> str:
    """Return the settings as a configuration file, secrets masked, each with its source in a comment."""
    lines = []
    for setting in ALL.values():
        if setting.name != "limits":
            value = getattr(configuration.settings, setting.name)
            lines.append(_line(setting.name, value, configuration.origins.get(setting.name)))
    lines += ["", "[limits]"]
    for bound, most in asdict(configuration.settings.limits).items():
        lines.append(_line(bound, most, configuration.origins.get(f"limits.{bound}")))
    return "\n".join(lines) + "\n"


def _line(name: str, value: Any, origin: str | None) -> str:
    if value is None:
        return f"# {name} is not set"
    shown = [str(each) for each in value] if isinstance(value, tuple) else value
    if isinstance(shown, Path):
        shown = str(shown)
    # JSON's strings, numbers, booleans and lists are TOML's too.
    return f"{name} = {redact_urls(json.dumps(shown, ensure_ascii=False))}  # {origin or 'default'}"
