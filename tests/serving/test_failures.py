"""What nobody foresaw: a sentence outside, types and lines inside, and never the message."""

import asyncio
import logging
import re

import pytest

from serving.failures import Failures, places

SECRET = "user-4711"


def fails() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise ValueError(f"no such {SECRET}") from error


def caught(work) -> BaseException:
    with pytest.raises(Exception) as found:
        work()
    return found.value


def asked(app, path: str = "/v1/users/user-4711") -> list[dict]:
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    asyncio.run(Failures(app)(scope, None, send))
    return sent


def test_places_are_types_and_lines_with_the_cause() -> None:
    told = places(caught(fails))
    line = rf"{re.escape(__file__)}:\d+"
    assert re.fullmatch(rf"ValueError at ({line} > )+{line}; after KeyError at {line}", told), told


def test_an_endless_recursion_is_told_in_a_few_lines() -> None:
    def again() -> None:
        again()

    assert places(caught(again)).count(__file__) == 12


def test_a_hidden_context_is_not_told() -> None:
    def hides() -> None:
        try:
            raise KeyError(SECRET)
        except KeyError:
            raise ValueError from None

    assert "KeyError" not in places(caught(hides))


def test_the_client_gets_a_sentence_and_the_log_no_text(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope, receive, send) -> None:
        fails()

    with caplog.at_level(logging.DEBUG, "serving"):
        start, body = asked(app)
    assert start["status"] == 500
    assert b"/v1/users/user-4711 failed on our side; the server's log says why." in body["body"]
    assert caplog.messages[-1].startswith("GET a path failed: ValueError at ")
    assert SECRET not in caplog.text


def test_an_answer_that_has_begun_breaks_off(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        fails()

    assert [message["type"] for message in asked(app)] == ["http.response.start"]
    assert SECRET not in caplog.text
