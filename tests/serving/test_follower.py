"""A thread that looks again and again stops when told, and not before."""

import time

import pytest

from serving.follower import Follower


def test_a_follower_stops_when_told() -> None:
    calls: list[float] = []
    follower = Follower(lambda: calls.append(time.monotonic()), every=0.01)
    while len(calls) < 3:
        time.sleep(0.01)
    follower.stop()
    n = len(calls)
    time.sleep(0.05)
    assert len(calls) == n


def test_a_follower_goes_on_where_its_work_fails(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[float] = []

    def work() -> None:
        calls.append(time.monotonic())
        raise KeyError("user-4711")

    follower = Follower(work, every=0.01)
    while len(calls) < 3:
        time.sleep(0.01)
    follower.stop()
    assert "What others have done cannot be followed: KeyError at " in caplog.text
    assert "4711" not in caplog.text
