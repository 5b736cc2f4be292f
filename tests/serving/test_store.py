"""What every store promises."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.site import opened
from serving.sqlite import SqliteStore
from serving.store import ConflictError, Event, Store, StoreError
from tests.serving.server import RedisServer

ROOT = Path(__file__).parents[2]
NOW = 1_000
EVENT = Event(event_id="e1", user_id="ann", item_id="mug", event="purchase", at=10, value=2.5, request_id="r1")


def deed(n: int, *, at: int, user: str = "ann") -> Event:
    return replace(EVENT, event_id=f"e{n}", at=at, user_id=user, value=None, request_id=None)


@pytest.fixture(params=["sqlite", "redis"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where an empty state of each kind is."""
    if request.param == "sqlite":
        yield str(tmp_path / "state.sqlite")
        return
    server = RedisServer(tmp_path)
    yield server.url
    server.stop()


@pytest.fixture
def store(address: str, tmp_path: Path) -> Iterator[Store]:
    found = opened(address, tmp_path)
    yield found
    found.close()


def test_an_event_is_kept_as_it_was_and_counts_once(store: Store) -> None:
    assert store.post([EVENT], now=NOW) == 1
    assert store.post([EVENT, EVENT], now=NOW + 5) == 0
    assert store.past("ann", since=0).events == (EVENT,)
    assert store.past("ann", since=0).forgotten is None
    assert store.past("bob", since=0).events == ()


def test_twice_in_one_post_counts_once(store: Store) -> None:
    assert store.post([EVENT, deed(2, at=3), EVENT], now=NOW) == 2


@pytest.mark.parametrize("change", [{"item_id": "pot"}, {"at": 11}, {"value": None}, {"user_id": "bob"}])
def test_a_name_that_stands_for_something_else_is_refused_with_all_beside_it(store: Store, change: dict) -> None:
    store.post([EVENT], now=NOW)
    with pytest.raises(ConflictError, match="event_id 'e1' was posted before with another content; give every event a"):
        store.post([deed(2, at=3), replace(EVENT, **change)], now=NOW)
    assert store.past("ann", since=0).events == (EVENT,)


def test_only_what_happened_since(store: Store) -> None:
    store.post([deed(n, at=n) for n in range(5)], now=NOW)
    assert [event.at for event in store.past("ann", since=3).events] == [3, 4]


def test_a_clock_ahead_cannot_post_into_the_future(store: Store) -> None:
    store.post([deed(1, at=NOW + 7), deed(2, at=5)], now=NOW)
    assert [(event.event_id, event.at) for event in store.past("ann", since=0).events] == [("e2", 5), ("e1", NOW - 1)]
    assert store.post([deed(1, at=NOW + 7)], now=NOW + 100) == 0
    assert store.latest() == NOW - 1


RUNS = count()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(7)), st.lists(st.integers(1, 6), max_size=3, unique=True))
def test_the_order_of_arrival_leaves_no_trace(store: Store, order: list[int], cuts: list[int]) -> None:
    run = next(RUNS)
    user, names = f"user {run}", [f"{run} a", f"{run} é", f"{run}", f"{run} b", f"{run} a1", f"{run} Z", f"{run} a 1"]
    events = [replace(deed(n, at=[5, 3, 5, 9, 1, 3, 5][n], user=user), event_id=names[n]) for n in range(7)]
    arriving = [events[n] for n in order]
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 7], strict=True):
        store.post(arriving[start:end], now=NOW)
        store.post(arriving[:end], now=NOW + 1)  # and once more
    assert store.past(user, since=0).events == tuple(sorted(events, key=lambda event: (event.at, event.event_id)))


def test_who_is_forgotten_is_a_newcomer(store: Store) -> None:
    store.post([deed(1, at=10), deed(2, at=20), deed(3, at=30, user="bob")], now=NOW)
    assert store.forget("ann", now=500) == 2
    assert store.forget("nobody", now=500) == 0
    past = store.past("ann", since=0)
    assert (past.events, past.forgotten) == ((), 500)
    assert store.past("bob", since=0).forgotten is None
    assert len(store.past("bob", since=0).events) == 1
    assert store.post([deed(1, at=10), deed(4, at=600)], now=NOW) == 1  # a late copy of what was erased is void
    assert [event.event_id for event in store.past("ann", since=0).events] == ["e4"]
    assert store.forget("ann", now=700) == 1
    assert store.past("ann", since=0).forgotten == 700


def test_nothing_that_is_forgotten_can_be_read_in_the_files(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    store.post([replace(EVENT, user_id="very-private-ann", event_id="seldom-seen", item_id="odd-mug")], now=NOW)
    assert any(b"very-private-ann" in path.read_bytes() for path in tmp_path.iterdir())
    store.forget("very-private-ann", now=NOW)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [word for word in (b"very-private-ann", b"seldom-seen", b"odd-mug") if word in kept]
    store.close()


def test_what_was_posted_is_there_after_a_restart_and_for_others(address: str, tmp_path: Path) -> None:
    first, second = opened(address, tmp_path), opened(address, tmp_path)
    first.post([EVENT], now=NOW)
    assert second.past("ann", since=0).events == (EVENT,)
    second.post([deed(2, at=20)], now=NOW)
    first.close()
    second.close()
    again = opened(address, tmp_path)
    assert [event.event_id for event in again.past("ann", since=0).events] == ["e1", "e2"]
    assert again.latest() == 20
    again.close()


def test_nothing_was_ever_posted(store: Store) -> None:
    assert store.latest() is None
    assert store.post([], now=NOW) == 0


def test_swaps_are_told_in_order_to_all(store: Store, address: str, tmp_path: Path) -> None:
    assert store.swaps(after=0) == []
    other = opened(address, tmp_path)
    store.announce("a" * 64)
    other.announce("b" * 64)
    store.announce("a" * 64)
    first, second, third = other.swaps(after=0)
    assert [swap.digest[0] for swap in (first, second, third)] == ["a", "b", "a"]
    assert first.number < second.number < third.number
    assert store.swaps(after=second.number) == [third]
    other.close()


def test_events_are_told_as_they_arrive_and_a_user_as_they_were(store: Store, address: str, tmp_path: Path) -> None:
    assert store.arrivals(after=0, limit=9) == []
    other = opened(address, tmp_path)
    store.post([deed(1, at=50), deed(2, at=10, user="bob")], now=NOW)
    other.post([deed(3, at=20), deed(1, at=50)], now=NOW)
    store.post([deed(4, at=40)], now=NOW)
    arrivals = other.arrivals(after=0, limit=9)
    assert [arrival.user_id for arrival in arrivals] == ["ann", "bob", "ann", "ann"]
    assert [arrival.event_id for arrival in arrivals] == ["e1", "e2", "e3", "e4"]
    numbers = [arrival.number for arrival in arrivals]
    assert numbers == sorted(set(numbers))
    assert store.arrivals(after=numbers[0], limit=2) == arrivals[1:3]
    assert store.arrivals(after=numbers[3], limit=2) == []
    for arrived, names in ((0, []), (numbers[1], ["e1"]), (numbers[2], ["e3", "e1"]), (None, ["e3", "e4", "e1"])):
        assert [event.event_id for event in store.past("ann", since=0, arrived=arrived).events] == names
    assert [event.event_id for event in store.past("ann", since=30, arrived=numbers[2]).events] == ["e1"]
    store.forget("ann", now=NOW)
    assert [arrival.user_id for arrival in store.arrivals(after=0, limit=9)] == ["bob"]
    assert store.past("ann", since=0, arrived=numbers[3]).forgotten == NOW
    store.post([deed(5, at=2_000)], now=3_000)
    assert store.arrivals(after=numbers[1], limit=9)[0].number > numbers[3]
    other.close()


def test_changes_of_items_are_told_to_all_the_last_of_each_in_order(store: Store, address: str, tmp_path: Path) -> None:
    assert store.item_changes(after=0) == []
    other = opened(address, tmp_path)
    store.change_items({"mug": '{"title": "a"}', "pot": None, "-": "-"})
    other.change_items({"mug": '{"title": "é"}'})
    store.change_items({})
    changes = other.item_changes(after=0)
    told = [("pot", None), ("-", "-"), ("mug", '{"title": "é"}')]
    assert [(change.item_id, change.columns) for change in changes] == told
    assert changes[0].number < changes[1].number < changes[2].number
    assert store.item_changes(after=changes[1].number) == changes[2:]
    other.change_items({"mug": None})
    assert [change.columns for change in store.item_changes(after=changes[2].number)] == [None]
    other.close()


def test_the_experiment_that_runs_is_told_to_all(store: Store, address: str, tmp_path: Path) -> None:
    assert (store.running().number, store.running().experiment) == (0, None)
    other = opened(address, tmp_path)
    store.run_experiment('{"name": "é"}')
    first = other.running()
    assert first.experiment == '{"name": "é"}'
    other.run_experiment("-")
    assert store.running().experiment == "-"
    other.run_experiment(None)
    last = store.running()
    assert last.experiment is None
    assert 0 < first.number < last.number
    other.close()
    assert opened(address, tmp_path).running() == last


POSTER = """
import sys
import threading
from pathlib import Path
from serving.sqlite import SqliteStore
from serving.store import Event
store = SqliteStore(Path(sys.argv[1]))
n = int(sys.argv[2])
while True:
    store.post([Event(event_id=f"{n}-{k}", user_id="ann", item_id="mug", event="view", at=n) for k in "ab"], now=10**9)
    print(n, flush=True)
    n += 1
"""


def killed(state: Path, rounds: int, seed: int) -> int:
    """Post from a process that is killed at random moments; how many posts were acknowledged, all of them kept."""
    moments, acknowledged = random.Random(seed), set()
    for number in range(rounds):
        process = subprocess.Popen(
            [sys.executable, "-c", POSTER, str(state), str(number * 10**6)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for _ in range(moments.randint(1, 60)):
            acknowledged.add(int(process.stdout.readline()))
        os.kill(process.pid, signal.SIGKILL)
        acknowledged |= {int(line) for line in process.communicate()[0].split()}
        store = SqliteStore(state)
        kept = [event.event_id for event in store.past("ann", since=0).events]
        store.close()
        assert {f"{n}-{k}" for n in acknowledged for k in "ab"} <= set(kept)
        assert len(kept) % 2 == 0  # both events of a post, or none
    return len(acknowledged)


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    assert killed(tmp_path / "state", rounds=3, seed=0) >= 3


@pytest.mark.prove
def test_what_was_acknowledged_survives_a_hundred_kill_9(tmp_path: Path) -> None:
    print(killed(tmp_path / "state", rounds=100, seed=1), "posts acknowledged, none lost")


def test_a_file_that_is_no_state_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "odd").write_text("no database at all " * 100)
    with pytest.raises(
        StoreError, match=r"Cannot use the state in .*odd: file is not a database; nothing was changed\."
    ):
        SqliteStore(tmp_path / "odd")
    with pytest.raises(StoreError, match="unable to open database file"):
        SqliteStore(tmp_path / "nowhere" / "state")


def test_a_state_of_another_version_is_a_sentence(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "state")
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StoreError, match="expected version 1 of its tables, got 7"):
        SqliteStore(tmp_path / "state")


def test_several_make_a_state_at_once(tmp_path: Path) -> None:
    for attempt in range(50):
        together = threading.Barrier(4)

        def make(path: Path = tmp_path / f"{attempt}.sqlite", together: threading.Barrier = together) -> None:
            together.wait()
            SqliteStore(path)

        with ThreadPoolExecutor(4) as threads:
            for made in [threads.submit(make) for _ in range(4)]:
                made.result()


def test_a_full_disk_keeps_nothing_of_a_post(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    store.post([EVENT], now=NOW)
    pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
    store._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="database or disk is full; nothing was changed"):
        store.post([replace(deed(n, at=n), item_id="x" * 2000) for n in range(2, 60)], now=NOW)
    store._writer.execute("PRAGMA max_page_count = 100000")
    assert store.past("ann", since=0).events == (EVENT,)
    assert store.post([deed(2, at=20)], now=NOW) == 1
    store.close()


def test_a_server_that_is_killed_has_what_it_acknowledged(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    store = opened(server.url, tmp_path)
    store.post([EVENT, deed(2, at=20)], now=NOW)
    store.announce("a" * 64)
    server.stop()
    with pytest.raises(StoreError, match="Cannot use the state in Redis: "):
        store.post([deed(3, at=30)], now=NOW)
    with pytest.raises(StoreError, match="Cannot use the state in Redis: "):
        store.past("ann", since=0)
    server.start()
    assert [event.event_id for event in store.past("ann", since=0).events] == ["e1", "e2"]
    assert len(store.swaps(after=0)) == 1
    assert store.post([deed(2, at=20), deed(3, at=30)], now=NOW) == 1
    store.close()
    server.stop()


def test_an_address_without_a_server_is_a_sentence_without_its_password(tmp_path: Path) -> None:
    for address in ("redis://:s3cret@127.0.0.1:1/0", "http://:s3cret@127.0.0.1/"):
        with pytest.raises(StoreError) as told:
            opened(address, tmp_path)
        assert "s3cret" not in str(told.value)
        assert str(told.value).startswith(
            ("Cannot use the state in Redis: ", "Expected the address of a state as redis:")
        )
