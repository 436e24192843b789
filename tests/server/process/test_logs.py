"""No text from elsewhere can look like a line or a field of the log, or control the terminal that shows it."""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from collections.abc import Callable

import pytest

from tests.server.captured_log import logging_as

FORGED = "2026-01-01T00:00:00Z ERROR reverie_server: all keys were deleted"

#: A name of a model, the subject of a certificate, the text of an exception: each ends with a line of its own.
HOSTILE = {
    "a newline": f"x\n{FORGED}",
    "a carriage return": f"x\r{FORGED}",
    "both": f"x\r\n{FORGED}",
    "a form feed": f"x\f{FORGED}",
    "a vertical tab": f"x\v{FORGED}",
    "a separator of records": f"x\x1e{FORGED}",
    "the next line of C1": f"x\x85{FORGED}",
    "a separator of lines": f"x\u2028{FORGED}",
    "a separator of paragraphs": f"x\u2029{FORGED}",
    "a colour": "x\x1b[31mred\x1b[0m",
    "the title of the window": "x\x1b]0;title\x07",
    "a control of C1": "x\x9b2J",
    "backspaces": "x\b\b\b\b",
    "the other direction of writing": "x\u202egnp.exe",
    "half a surrogate pair": "x\udc9b",
    "a zero": "x\0y",
    "a newline before a margin": f"x\n    | y\n{FORGED}",
    "JSON that ends": '"}\n{"event": "forged"}',
}


def as_an_argument(log: logging.Logger, text: str) -> None:
    log.warning("the model %s is not served", text)


def as_the_sentence(log: logging.Logger, text: str) -> None:
    log.error(text)


def as_the_caller(log: logging.Logger, text: str) -> None:
    log.info("a call", extra={"client": f"cn:{text}"})


def as_the_method(log: logging.Logger, text: str) -> None:
    log.info("a call", extra={"method": text, "code": text, "request_id": text})


def as_the_logger(log: logging.Logger, text: str) -> None:
    logging.getLogger(text).info("a library's own name")


def as_the_text_of_an_exception(log: logging.Logger, text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("incident")


def as_the_text_of_a_cause(log: logging.Logger, text: str) -> None:
    try:
        try:
            raise KeyError(text)
        except KeyError as error:
            raise ExceptionGroup(text, [OSError(2, text, text)]) from error
    except ExceptionGroup:
        log.exception("incident %s", text)


def as_a_note(log: logging.Logger, text: str) -> None:
    error = ValueError("x")
    error.add_note(text)
    log.error("incident", exc_info=error)


def with_the_stack(log: logging.Logger, text: str) -> None:
    log.info("where am I, %s", text, stack_info=True)


def as_an_object(log: logging.Logger, text: str) -> None:
    class Named:
        def __repr__(self) -> str:
            return text

    log.info("a call", extra={"client": Named()})


PLACES: list[Callable[[logging.Logger, str], None]] = [
    as_an_argument,
    as_the_sentence,
    as_the_caller,
    as_the_method,
    as_the_logger,
    as_the_text_of_an_exception,
    as_the_text_of_a_cause,
    as_a_note,
    with_the_stack,
    as_an_object,
]

RECORD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*?Z [A-Z]+ ")


def controls(text: str) -> set[str]:
    """Return the characters of a text, without its line breaks, that a terminal could obey."""
    return {each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n"}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_an_event_is_one_record_whatever_it_holds(place: Callable[[logging.Logger, str], None], text: str) -> None:
    with logging_as("console") as written:
        place(logging.getLogger("somebody"), text)
    first, *rest = written.getvalue().removesuffix("\n").split("\n")
    assert RECORD.match(first)
    assert all(line.startswith("    | ") for line in rest)
    assert controls(written.getvalue()) == set()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_an_event_is_one_object_whatever_it_holds(place: Callable[[logging.Logger, str], None], text: str) -> None:
    with logging_as("json") as written:
        place(logging.getLogger("somebody"), text)
    assert written.getvalue().count("\n") == 1
    event = json.loads(written.getvalue())
    assert event["level"] in ("info", "warning", "error")
    for value in event.values():
        assert controls(str(value)) == set()


FIELDS = {
    "cn:worker-7": "client=cn:worker-7",
    "cn:Jane Doe": 'client="cn:Jane Doe"',
    "cn:x code=OK request_id=forged": 'client="cn:x code=OK request_id=forged"',
    'cn:"x" y': r'client="cn:\"x\" y"',
    "cn:x=y": 'client="cn:x=y"',
    "cn:Zoë": "client=cn:Zoë",
}


@pytest.mark.parametrize(("value", "shown"), FIELDS.items(), ids=FIELDS)
def test_a_field_cannot_look_like_two(value: str, shown: str) -> None:
    with logging_as("console") as written:
        logging.getLogger("somebody").info("a call", extra={"client": value, "request_id": "mine"})
    assert written.getvalue().endswith(f"a call {shown} request_id=mine\n")


def test_a_traceback_stays_readable() -> None:
    with logging_as("console") as written:
        as_the_text_of_an_exception(logging.getLogger("somebody"), "too late")
    lines = written.getvalue().splitlines()
    assert lines[1] == "    | Traceback (most recent call last):"
    assert lines[-1] == "    | ValueError: too late"
