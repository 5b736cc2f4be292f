import time

from serving.clock import log, wall


def test_wall_is_now() -> None:
    before = time.time_ns() // 1000
    assert before <= wall(0) <= time.time_ns() // 1000


def test_wall_never_stands_before_the_state() -> None:
    tomorrow = time.time_ns() // 1000 + 86_400_000_000
    assert wall(tomorrow) == tomorrow


def test_log_runs_on_from_the_end_of_whichever_bundle_is_served() -> None:
    ticks = iter([5_000_000, 5_000_000, 7_500_000])
    clock = log(ticks=lambda: next(ticks))
    assert clock(1_000) == 1_000
    assert clock(2_000) == 2_000 + 2_500
