"""First come, first served, and nobody after their time."""

import asyncio
import threading
import time

import pytest

from serving import lane
from serving.lane import Lane


def test_one_at_a_time_in_order() -> None:
    done: list[int] = []
    threads: set[str] = set()

    async def play() -> list[int]:
        lane = Lane("answers", initializer=lambda: done.append(-1))

        def work(n: int) -> int:
            threads.add(threading.current_thread().name)
            done.append(n)
            return n * n

        found = await asyncio.gather(*(lane.run(lambda _left, n=n: work(n), seconds=60) for n in range(20)))
        lane.close()
        return found

    assert asyncio.run(play()) == [n * n for n in range(20)]
    assert done == [-1, *range(20)]
    assert len(threads) == 1


def test_the_work_is_told_how_much_time_is_left() -> None:
    told: list[float] = []

    async def play() -> None:
        lane = Lane("answers")
        first = asyncio.create_task(lane.run(lambda _left: time.sleep(0.1), seconds=60))
        await asyncio.sleep(0)
        await lane.run(told.append, seconds=0.05)
        await first
        await lane.run(told.append, seconds=60)
        lane.close()

    asyncio.run(play())
    assert told[0] <= 0 < told[1] <= 60


def test_what_fails_fails_alone() -> None:
    async def play() -> int:
        lane = Lane("answers")

        def broken(_left: float) -> int:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await lane.run(broken, seconds=60)
        found = await lane.run(lambda _left: 5, seconds=60)
        lane.close()
        return found

    assert asyncio.run(play()) == 5


def test_what_is_found_is_told_before_the_next_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "_HAND_OVER_SECONDS", 60)
    order: list[tuple[str, int]] = []

    async def play() -> None:
        answers = Lane("answers")

        async def ask(n: int) -> None:
            await answers.run(lambda _left: order.append(("found", n)), seconds=60)
            order.append(("told", n))

        await asyncio.gather(*(ask(n) for n in range(50)))
        answers.close()

    asyncio.run(play())
    assert order == [(what, n) for n in range(50) for what in ("found", "told")]


def test_nobody_waits_for_who_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "_HAND_OVER_SECONDS", 60)

    async def play() -> int:
        answers, may = Lane("answers"), threading.Event()
        first, second = (asyncio.create_task(answers.run(lambda _left: may.wait(), seconds=60)) for _ in range(2))
        await asyncio.sleep(0.05)
        for task in (first, second):  # one is under way, one has not begun
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        may.set()
        found = await answers.run(lambda _left: 5, seconds=60)
        answers.close()
        return found

    assert asyncio.run(play()) == 5
