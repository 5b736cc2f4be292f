"""What the operator asks for: spans where a collector is named, by argument or environment, and only there."""

import sys

import pytest

from recsys.errors import UsageError
from serving.watching import ENDPOINT, WATCHING, Watching

COLLECTOR = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT, raising=False)


def test_nobody_is_told_where_no_collector_is_named() -> None:
    with WATCHING.spans() as watchers:
        assert watchers == ()


def test_an_argument_names_one() -> None:
    with Watching(trace=COLLECTOR).spans() as watchers:
        assert len(watchers) == 1


def test_the_environment_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, COLLECTOR)
    with WATCHING.spans() as watchers:
        assert len(watchers) == 1


def test_an_address_that_is_none_is_a_sentence() -> None:
    with (
        pytest.raises(UsageError, match=r"Expected the address of a collector such as http://.*, got 'localhost:4318'"),
        Watching(trace="localhost:4318").spans(),
    ):
        pass


def test_without_its_library_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "serving.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with (
        pytest.raises(UsageError, match=r"Spans need opentelemetry.sdk.trace; install it by pip install '\.\[otel\]'"),
        Watching(trace=COLLECTOR).spans(),
    ):
        pass
