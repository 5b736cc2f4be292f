"""The log while it is written: a second reader finds what was told, whatever happens to the process."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.data.policy_log import PolicyLog
from recsys.schema import Instant
from serving.journal import Journal, LogConfig, LogError
from serving.keeping import Chores, Here, forgotten_by
from serving.record import post_line
from serving.sqlite import SqliteStore
from serving.store import Event, StoreError
from tests.serving.doomed import appending

ROOT = Path(__file__).parents[2]


def nobody(_user_id: str) -> None:
    return None


def opened(directory: Path, forgotten: Callable[[str], Instant | None] = nobody, **config: object) -> Journal:
    return Journal(directory, forgotten=forgotten, config=LogConfig.model_validate(config))


def event(n: int, user_id: str = "ann", at: int = 5) -> Event:
    return Event(event_id=f"e{n}", user_id=user_id, item_id="i1", event="view", at=at)


def post(*numbers: int, user_id: str = "ann", at: int = 5) -> bytes:
    return post_line([event(n, user_id, at) for n in numbers], at=at)


def events(directory: Path) -> list[str]:
    """All events that Parquet holds, those there twice twice."""
    files = sorted((directory / "events").glob("*"))
    return sorted(name for file in files for name in pl.read_parquet(file)["event_id"])


def segments(directory: Path) -> list[Path]:
    return sorted((directory / "segments").iterdir())


def holding(directory: Path, text: str) -> list[str]:
    """Files that have the text in their bytes."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return [path.name for path in files if text.encode() in path.read_bytes()]


def test_what_was_appended_is_in_the_file_at_once_and_in_parquet_when_it_is_due(tmp_path: Path) -> None:
    log = opened(tmp_path, rotate_seconds=0.05)
    log.append(post(1, 2))
    log.append(post(3))
    (segment,) = segments(tmp_path)
    told = [json.loads(line)["events"] for line in segment.read_text().splitlines()]
    assert [[each["event_id"] for each in line] for line in told] == [["e1", "e2"], ["e3"]]
    log.tick()
    assert events(tmp_path) == []
    time.sleep(0.06)
    log.tick()
    assert events(tmp_path) == ["e1", "e2", "e3"]
    assert segment not in segments(tmp_path)
    log.append(post(4))
    log.close()
    assert segments(tmp_path) == []
    assert events(tmp_path) == ["e1", "e2", "e3", "e4"]
    with pytest.raises(LogError, match=r"Cannot write the policy log in .*: .*; nothing was logged\."):
        log.append(post(5))


def test_no_file_is_larger_than_it_may_be_by_more_than_a_record(tmp_path: Path) -> None:
    log, line = opened(tmp_path, segment_bytes=1000), post(1)
    for _ in range(100):
        log.append(line)
    sizes = [path.stat().st_size for path in segments(tmp_path)]
    assert sum(sizes) == 100 * len(line)
    assert max(sizes) < 1000 + len(line)
    log.close()
    assert events(tmp_path) == ["e1"] * 100
    assert PolicyLog.load(tmp_path).events.collect()["event_id"].to_list() == ["e1"]


def test_beyond_the_backlog_nothing_is_taken_until_there_is_room(tmp_path: Path) -> None:
    line = post(1)
    log = opened(tmp_path, segment_bytes=3 * len(line), backlog_bytes=10 * len(line))
    for _ in range(10):
        log.append(line)
    with pytest.raises(LogError, match=r"takes no more: more than \d+ bytes wait to become Parquet; see what keeps"):
        log.append(line)
    log.tick()
    log.append(line)
    log.close()
    assert len(events(tmp_path)) == 11


def test_a_log_that_another_process_left_waiting_counts_from_the_start(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append(post(*range(100)))
    other = opened(tmp_path, backlog_bytes=1000)
    with pytest.raises(LogError, match="takes no more"):
        other.append(post(1))
    log.close()
    other.tick()
    other.append(post(1))
    other.close()


def test_what_a_dead_process_left_is_archived_and_its_torn_line_is_not(tmp_path: Path) -> None:
    opened(tmp_path).close()
    left = tmp_path / "segments" / "00000000000000000001-1-ab.jsonl"
    left.write_bytes(post(1) + post(2)[:-20])
    (tmp_path / "events" / "begun.writing").write_text("not ended")
    log = opened(tmp_path)
    log.tick()
    assert events(tmp_path) == ["e1"]
    assert not left.exists()
    unnamed = [tmp_path / "segments" / f"{n}-1-ab.new" for n in (1, 2)]
    for path in unnamed:
        path.touch()
    os.utime(unnamed[0], (time.time() - 100,) * 2)  # by a process that was killed; the other has just begun
    log.tick()
    assert [path.exists() for path in unnamed] == [False, True]
    log.close()


@pytest.mark.parametrize("odd", [b"\x00\x00\x00", b"[1]", b'"ann"', b'{"at": "now"}', b"{}", b"\xff\xfe", b'{"at"'])
def test_a_line_that_the_disk_has_spoilt_takes_no_other_with_it(tmp_path: Path, odd: bytes) -> None:
    opened(tmp_path).close()
    (tmp_path / "segments" / "1-1-ab.jsonl").write_bytes(post(1) + odd + b"\n" + post(2))
    log = opened(tmp_path)
    log.tick()
    assert events(tmp_path) == ["e1", "e2"]
    assert PolicyLog.load(tmp_path).answers.collect().is_empty()
    log.close()


def test_what_is_archived_again_after_an_interruption_is_there_once(tmp_path: Path) -> None:
    opened(tmp_path).close()
    left = tmp_path / "segments" / "1-1-ab.jsonl"
    log = opened(tmp_path)
    for content in (post(1), post(1) + post(2)):  # as if it had ended between the tables and the segment
        left.write_bytes(content)
        log.tick()
    assert events(tmp_path) == ["e1", "e2"]
    gone = opened(tmp_path, forgotten=lambda _user: 10)
    left.write_bytes(post(1) + post(2))
    gone.tick()
    assert events(tmp_path) == []
    gone.close()
    log.close()


def test_of_two_processes_each_leaves_the_others_file_alone(tmp_path: Path) -> None:
    one, two = opened(tmp_path), opened(tmp_path)
    one.append(post(1))
    two.append(post(2))
    one.tick()
    assert (events(tmp_path), len(segments(tmp_path))) == ([], 2)
    one.close()
    assert events(tmp_path) == ["e1"]
    two.append(post(3))
    two.close()
    assert events(tmp_path) == ["e1", "e2", "e3"]


def test_many_threads_lose_nothing_while_it_is_archived_and_erased(tmp_path: Path) -> None:
    log = opened(tmp_path, segment_bytes=500, rotate_seconds=0.001)
    working = True

    def keep(work: Callable[[], None]) -> None:
        while working:
            work()

    others = [threading.Thread(target=keep, args=(w,)) for w in (log.tick, lambda: log.erase("bob"))]

    def write(first: int) -> None:
        for n in range(first, first + 200):
            log.append(post(n))

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 200, 400)]
    for thread in (*others, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    working = False
    for thread in others:
        thread.join()
    log.close()
    assert events(tmp_path) == sorted(f"e{n}" for n in range(600))


_FULL = """
import resource, signal, sys
from pathlib import Path
from serving.journal import Journal, LogError
from serving.record import post_line
from serving.store import Event
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = Journal(Path(sys.argv[1]), forgotten=lambda user: None)
line = post_line([Event(event_id="e1", user_id="ann", item_id="i1", event="view", at=5)], at=5)
resource.setrlimit(resource.RLIMIT_FSIZE, (len(line) * 5 // 2, resource.RLIM_INFINITY))
for n in range(4):
    try:
        log.append(line)
        print("kept")
    except LogError as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.append(line)
"""


def test_a_full_disk_is_told_and_leaves_no_half_of_a_record(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[:2] == ["kept", "kept"]
    for told in done.stdout.splitlines()[2:]:
        assert told.startswith("Cannot write the policy log in ")
        assert told.endswith("; nothing was logged.")
    (segment,) = segments(tmp_path)
    assert len(segment.read_bytes().splitlines()) == 3
    opened(tmp_path).close()
    assert events(tmp_path) == ["e1"] * 3


def test_a_disk_too_full_for_parquet_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = opened(tmp_path, rotate_seconds=0.001)
    log.append(post(1))
    (tmp_path / "events").rename(tmp_path / "elsewhere")
    (tmp_path / "events").write_text("in the way")
    time.sleep(0.002)
    log.tick()
    assert "The policy log cannot be archived" in caplog.text
    (tmp_path / "events").unlink()
    (tmp_path / "elsewhere").rename(tmp_path / "events")
    log.tick()
    assert events(tmp_path) == ["e1"]
    log.close()


def test_a_state_that_cannot_say_who_was_erased_keeps_lines_waiting(tmp_path: Path) -> None:
    down = True

    def ask(_user_id: str) -> None:
        if down:
            raise StoreError("down")

    log = opened(tmp_path, forgotten=ask, rotate_seconds=0.001)
    log.append(post(1))
    time.sleep(0.002)
    log.tick()
    assert events(tmp_path) == []
    with pytest.raises(LogError, match="Cannot write the policy log in"):
        log.erase("ann")
    down = False
    log.tick()
    assert events(tmp_path) == ["e1"]
    log.close()


def test_an_erased_user_is_in_no_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    log, other = (opened(tmp_path / "log", forgotten_by(store)) for _ in range(2))
    ann, bob = "ann-of-the-test", "bob-of-the-test"
    for user in (ann, bob):
        log.append(post(1, user_id=user, at=5))
        other.append(post(2, user_id=user, at=9))
    opened(tmp_path / "log").close()
    log.erase("nobody")
    log.append(post(3, user_id=ann, at=9))
    log.append(post_line([event(4, ann, at=8), event(5, bob, at=8)], at=9))
    store.forget(ann, now=10)
    log.erase(ann)
    (own,) = holding(tmp_path / "log", ann)
    assert own.endswith(".jsonl")  # the other process's
    other.append(post_line([event(6, ann, at=8), event(7, ann, at=11)], at=11))
    other.close()
    assert set(segments(tmp_path / "log")) == {log._segment.path}
    kept = PolicyLog.load(tmp_path / "log").events.collect().filter(user_id=ann)
    assert kept["event_id"].to_list() == ["e7"]  # what was done after; the state knows no more of it either
    assert [event.event_id for event in store.past(bob, since=0).events] == []
    assert sorted(events(tmp_path / "log")) == ["e1", "e2", "e5", "e7"]
    log.close()


def test_an_event_dated_into_the_future_is_erased_too(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    log = opened(tmp_path / "log", forgotten_by(store))
    log.append(post_line([event(1, "ann-of-the-test", at=200)], at=9))
    store.forget("ann-of-the-test", now=10)
    log.erase("ann-of-the-test")
    assert holding(tmp_path / "log", "ann-of-the-test") == []
    log.close()


def test_old_rows_are_deleted(tmp_path: Path) -> None:
    log = opened(tmp_path, keep_days=2)
    log.append(post(1))
    log.close()
    (old,) = (tmp_path / "events").iterdir()
    opened(tmp_path, keep_days=2).close()
    assert events(tmp_path) == ["e1"]
    os.utime(old, (time.time() - 3 * 86_400,) * 2)
    log = opened(tmp_path, keep_days=2)
    log.append(post(2))
    log.tick()
    log.close()
    assert events(tmp_path) == ["e2"]


def test_old_rows_are_deleted_soon_after_a_disk_that_failed(tmp_path: Path) -> None:
    opened(tmp_path).close()
    asked: list[bool] = []

    class Failing(Here):
        def keep(self, chores: Chores, taken: Callable[[], None]) -> bool:
            asked.append(chores.before is not None)
            if len(asked) < 3:
                raise OSError("the disk fails")
            return len(asked) > 3 and super().keep(chores, taken)  # the third time others do it

    log = Journal(tmp_path, forgotten=nobody, keeper=Failing(tmp_path, nobody))
    for _ in range(5):
        log.tick()
    assert asked == [True, True, True, True, False]
    log.close()


def test_a_place_where_nothing_can_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("in the way")
    with pytest.raises(LogError, match=r"Cannot write the policy log in .*log: .*; nothing was logged\."):
        opened(tmp_path / "log")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.builds(
            Event,
            event_id=TEXT,
            user_id=TEXT,
            item_id=TEXT,
            event=st.sampled_from(["view", "purchase"]),
            at=st.integers(0, 2**50),
            value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
            request_id=st.none() | TEXT,
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda each: each.event_id,
    )
)
def test_any_text_and_number_comes_back(tmp_path_factory: pytest.TempPathFactory, posted: list[Event]) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = opened(folder)
    log.append(post_line(posted, at=2**51))
    log.close()
    rows = PolicyLog.load(folder).events.with_columns(pl.col("timestamp", "posted").to_physical()).collect().rows()
    assert rows == [(e.event_id, e.user_id, e.item_id, e.event, e.at, e.value, e.request_id, 2**51) for e in posted]


def killed(folder: Path, rounds: int, seconds: Callable[[int], float]) -> list[str]:
    """What processes that were killed had acknowledged."""
    told: list[str] = []
    for n in range(rounds):
        process, connection = appending(folder, f"r{n}")
        told.append(connection.recv())
        timer = threading.Timer(seconds(n), process.kill)
        timer.start()
        with contextlib.suppress(EOFError):
            while True:
                told.append(connection.recv())
        process.join()
    return told


@pytest.mark.parametrize("rounds", [2, pytest.param(100, marks=pytest.mark.prove)])
def test_a_killed_process_has_lost_nothing_it_acknowledged(tmp_path: Path, rounds: int) -> None:
    told = killed(tmp_path, rounds, lambda n: 0.01 + n * 37 % 100 / 400)
    for _ in range(2):  # the second time what was interrupted is at an end
        opened(tmp_path).close()
    kept = events(tmp_path)
    assert len(kept) == len(set(kept))
    assert set(told) <= set(kept)
    assert len(kept) <= len(told) + rounds  # written, but not yet told, by each
    assert [path for path in segments(tmp_path) if path.suffix == ".jsonl"] == []
