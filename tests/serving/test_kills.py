"""Killed at any moment, the service comes back, and with it all that it had acknowledged."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Protocol

import httpx
import polars as pl
import pytest

from recsys.bundle import CURRENT, Bundle, release, seal
from recsys.data.policy_log import PolicyLog
from serving.journal import Journal
from serving.state_schemas import LATEST_EVENTS
from tests.serving.doomed import serving, started
from tests.serving.server import RedisServer

START = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS = 48
_AT_ONCE = 500


class Client(Protocol):
    """Somebody who asks for changes, one after the other."""

    def go(self, http: httpx.Client) -> None:
        """Ask for the next one; whether it was acknowledged is known when this returns or raises."""
        ...

    def check(self, http: httpx.Client) -> None:
        """All that was acknowledged holds; ask once more for what was not."""
        ...


@dataclass(slots=True, kw_only=True)
class Shopper:
    """Posts events, and asks for lists.

    Attributes:
        name: of the user.
        events: acknowledged, in order.
        pending: posted, not acknowledged.
        answers: request_id → the items received.
    """

    name: str
    events: list[dict[str, str]] = field(default_factory=list)
    pending: list[dict[str, str]] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)

    def go(self, http: httpx.Client) -> None:
        n = len(self.events)
        self.pending = [self._event(number) for number in range(n, n + 1 + n % 3)]
        assert self._posted(http, self.pending) == len(self.pending)
        self._acknowledged()
        name = f"{self.name}-{n}"
        got = http.post("/v1/recommend", json={"user_id": self.name, "k": 5, "request_id": name})
        assert got.status_code == 200, got.text
        self.answers[name] = [item["item_id"] for item in got.json()["items"]]

    def check(self, http: httpx.Client) -> None:
        count, told = self._told(http)
        arrived = self.pending if count > len(self.events) else []  # all of a post, or nothing
        kept = [*self.events, *arrived]
        assert (count, told) == (len(kept), kept[-LATEST_EVENTS:])
        assert self._posted(http, self.pending) == len(self.pending) - len(arrived)
        self._acknowledged()
        for first in range(0, len(self.events), _AT_ONCE):
            assert self._posted(http, self.events[first : first + _AT_ONCE]) == 0
        assert self._told(http) == (len(self.events), self.events[-LATEST_EVENTS:])

    def _event(self, n: int) -> dict[str, str]:
        at = (START + timedelta(seconds=n)).isoformat()
        told = {"event_id": f"{self.name}-{n}", "user_id": self.name, "event": "view"}
        return told | {"item_id": f"i{7 * n % ITEMS:05d}", "timestamp": at}

    def _posted(self, http: httpx.Client, events: list[dict[str, str]]) -> int:
        if not events:
            return 0
        got = http.post("/v1/events", json={"events": events})
        assert got.status_code == 200, got.text
        return got.json()["accepted"]

    def _acknowledged(self) -> None:
        self.events, self.pending = self.events + self.pending, []

    def _told(self, http: httpx.Client) -> tuple[int, list[dict[str, str]]]:
        """How many events the service knows of the user, and the latest, oldest first, as they were posted."""
        got = http.get(f"/v1/users/{self.name}")
        if got.status_code == 404:
            return 0, []
        user = got.json()
        known = {(event["item_id"], event["timestamp"]): event for event in self.events + self.pending}
        keys = [(e["item_id"], e["timestamp"].replace("Z", "+00:00")) for e in reversed(user["latest"])]
        return user["events"], [known[key] for key in keys]


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Puts items and takes them away.

    Attributes:
        rng: chooses.
        items: item_id → its category by what was acknowledged, None where it is not there.
        pending: asked for, not acknowledged; at most one.
        changes: asked for so far: each has a category of its own.
    """

    rng: Random
    items: dict[str, str | None]
    pending: dict[str, str | None] = field(default_factory=dict)
    changes: int = 0

    def go(self, http: httpx.Client) -> None:
        item = self.rng.choice(list(self.items))
        self.changes += 1
        stays = self.items[item] is None or self.rng.random() < 0.5
        self.pending = {item: f"{item}, change {self.changes}" if stays else None}
        self._ask(http)
        assert self._now(http, item) == self.items[item]

    def check(self, http: httpx.Client) -> None:
        for item, category in self.items.items():
            assert self._now(http, item) in {category, self.pending.get(item, category)}
        self._ask(http)
        assert {item: self._now(http, item) for item in self.items} == self.items

    def _ask(self, http: httpx.Client) -> None:
        for item, category in self.pending.items():
            path = f"/v1/items/{item}"
            put = {"title": "robot puzzle", "category": category}
            got = http.delete(path) if category is None else http.put(path, json=put)
            assert got.status_code == 200, got.text
        self.items, self.pending = self.items | self.pending, {}

    def _now(self, http: httpx.Client, item: str) -> str | None:
        """The item's category, as answers have it; None if it is in none."""
        if http.get(f"/v1/items/{item}/similar").status_code == 404:
            assert ranked(http, item) == []
            listed = http.post("/v1/recommend", json={"user_id": "nobody", "k": 1000}).json()["items"]
            assert item not in [each["item_id"] for each in listed]
            return None
        assert ranked(http, item) == [item]
        asked = {self.items[item], self.pending.get(item)} - {None}
        (category,) = (c for c in asked if ranked(http, item, filters={"category": {"any": [c]}}))
        return category


def ranked(http: httpx.Client, item: str, **more: object) -> list[str]:
    got = http.post("/v1/rank", json={"user_id": "nobody", "item_ids": [item]} | more)
    assert got.status_code == 200, got.text
    return [each["item_id"] for each in got.json()["items"]]


@dataclass(slots=True, kw_only=True)
class Operator:
    """Swaps three bundles round and round: of two, whichever is served had been asked for.

    Attributes:
        root: their folder.
        names: of all.
        served: what was acknowledged last.
        pending: asked for, not acknowledged.
        swaps: acknowledged.
    """

    root: Path
    names: list[str]
    served: str
    pending: str | None = None
    swaps: int = 0

    def go(self, http: httpx.Client) -> None:
        self.pending = self.names[(self.names.index(self.served) + 1) % len(self.names)]
        got = http.post("/v1/bundle", json={"name": self.pending})
        assert (got.status_code, got.json().get("bundle")) == (200, self.pending), got.text
        self.served, self.pending, self.swaps = self.pending, None, self.swaps + 1

    def check(self, http: httpx.Client) -> None:
        digest = http.get("/v1/bundle").json()["bundle"]
        assert digest in {self.served, self.pending}
        assert (self.root / CURRENT).resolve().name == digest
        self.served, self.pending = digest, None


def until_killed(client: Client, url: str) -> None:
    with httpx.Client(base_url=url, timeout=60) as http, contextlib.suppress(httpx.TransportError):
        while True:
            client.go(http)


def checked(clients: list[Client], url: str) -> None:
    with httpx.Client(base_url=url, timeout=60) as http:
        assert http.get("/health/ready").status_code == 200
        got = http.post("/v1/recommend", json={"user_id": "u00001", "k": 5})
        assert (got.status_code, len(got.json()["items"])) == (200, 5)
        for client in clients:
            client.check(http)


@contextlib.contextmanager
def served(root: Path, folder: Path, state: str | None) -> Iterator[str]:
    """The address of a service that is killed at the end of the block."""
    process, url = started(root, folder, state=state)
    try:
        yield url
    finally:
        process.kill()
        process.join()


def kept_in_log(folder: Path, shoppers: list[Shopper]) -> None:
    """Each answer that was received is in the log's files once, place by place, and each event is in the log."""
    for _ in range(2):  # the second time what was interrupted is at an end
        Journal(folder, forgotten=lambda _user: None).close()
    rows = pl.concat([pl.read_parquet(path) for path in sorted((folder / "answers").iterdir())]).sort("position")
    logged = {
        name: part["item_id"].to_list() for (name,), part in rows.partition_by("request_id", as_dict=True).items()
    }
    received = {name: items for shopper in shoppers for name, items in shopper.answers.items()}
    assert {name: logged.get(name) for name in received} == received
    events = set(PolicyLog.load(folder).events.collect()["event_id"])
    assert {event["event_id"] for shopper in shoppers for event in shopper.events} <= events


@pytest.fixture
def names(root: Path, tmp_path: Path, without: str, with_rules: str) -> list[str]:
    """Of three bundles in one folder."""
    copy = shutil.copytree(root / without, tmp_path / "third")
    seal(copy, note={"third": True})
    third = release(copy, root)
    return [without, with_rules, third.name]


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "redis").mkdir()
    server = RedisServer(tmp_path / "redis")
    yield server.url
    server.stop()


def survived(root: Path, names: list[str], folder: Path, *, rounds: int, state: str | None = None) -> None:
    """Kill the service at `rounds` moments, one in four while it starts, and look each time what it still knows."""
    rng = Random(rounds)
    categories = dict(Bundle.load(root / CURRENT).catalog.items.select("item_id", "category").rows())
    operator = Operator(root=root, names=names, served=(root / CURRENT).resolve().name)
    keepers = [Keeper(rng=Random(n), items={f"new-{n}": None, f"i0000{n}": categories[f"i0000{n}"]}) for n in range(2)]
    shoppers: list[Shopper] = []
    for n in range(rounds):
        if n % 4 == 3:
            process, _ = serving(root, folder, state=state)
            time.sleep(rng.uniform(0, 2))
            process.kill()
            process.join()
            continue
        fresh = [Shopper(name=f"shopper-{n}-{c}") for c in range(2)]
        shoppers += fresh
        clients: list[Client] = [operator, *keepers, *fresh]
        with ThreadPoolExecutor(len(clients)) as pool:
            with served(root, folder, state) as url:
                asking = [pool.submit(until_killed, client, url) for client in clients]
                swaps = operator.swaps + rng.randrange(3)
                while operator.swaps < swaps and not any(each.done() for each in asking):
                    time.sleep(0.001)
                time.sleep(rng.uniform(0, 0.5))
            for each in asking:
                each.result()
        with served(root, folder, state) as url:
            checked(clients, url)
    with served(root, folder, state) as url:
        checked([operator, *keepers, *shoppers], url)
    kept_in_log(folder / "log", shoppers)
    done = {"events": sum(len(s.events) for s in shoppers), "answers": sum(len(s.answers) for s in shoppers)}
    done |= {"changes of items": sum(k.changes for k in keepers), "swaps": operator.swaps}
    print(f"{rounds} kills; acknowledged and kept: {done}")
    assert min(done.values()) > 0


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.prove)])
def test_killed_at_any_moment_it_serves_again_and_has_lost_nothing(
    root: Path, names: list[str], tmp_path: Path, rounds: int
) -> None:
    survived(root, names, tmp_path, rounds=rounds)


@pytest.mark.prove
def test_with_the_state_in_redis_it_has_lost_nothing_either(
    root: Path, names: list[str], tmp_path: Path, redis_url: str
) -> None:
    survived(root, names, tmp_path, rounds=12, state=redis_url)
