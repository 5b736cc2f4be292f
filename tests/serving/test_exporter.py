"""Each process tells its own metrics, on a port of its own."""

import logging
import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from serving.exporter import export


def registry(count: int) -> CollectorRegistry:
    made = CollectorRegistry()
    Counter("asked", "How often.", registry=made).inc(count)
    return made


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_each_is_told_on_the_first_free_port() -> None:
    ports = [free(), free()]
    assert [export(registry(1), ports), export(registry(2), ports)] == ports
    told = [httpx.get(f"http://127.0.0.1:{port}/metrics").text for port in ports]
    assert ["asked_total 1.0" in told[0], "asked_total 2.0" in told[1]] == [True, True]


def test_where_no_port_is_free_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, caplog.at_level(logging.ERROR):
        assert export(registry(1), [taken.getsockname()[1]]) is None
    assert caplog.messages == ["No port is free to tell this process's metrics; name more."]


def test_nobody_is_told_where_no_port_is_named(caplog: pytest.LogCaptureFixture) -> None:
    assert export(registry(1), []) is None
    assert caplog.messages == []
