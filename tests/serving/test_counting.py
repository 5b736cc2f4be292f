"""What is posted is in the items' counters, as if the log had held it; in whatever order it came."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from recsys.bundle import CURRENT, Bundle
from recsys.data.interactions import Interactions
from recsys.data.vocabulary import Vocabulary
from recsys.ranking.state import ItemState
from recsys.schema import DAY, EVENT_CODES, EVENT_WEIGHTS
from serving import counting
from serving.app import create_app
from serving.breaker import Breaker
from serving.counting import counted
from serving.service import Service
from serving.site import opened
from serving.sqlite import SqliteStore
from serving.store import Event, Past, Store
from tests.conftest import Shop
from tests.serving.conftest import eventually
from tests.serving.server import RedisServer

HOUR = DAY // 24
COUNTERS = ("decayed", "firsts", "takes", "takers", "repeaters", "met", "spans", "gaps", "born", "last", "known")


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    server = RedisServer(tmp_path) if request.param == "redis" else None
    found = opened(server.url if server else str(tmp_path / "state"), tmp_path)
    yield found
    found.close()
    if server:
        server.stop()


def serving(bundle_root: Path, store: Store) -> Service:
    return Service.open(bundle_root / CURRENT, store=store, breaker=Breaker(store), clock=lambda end: end + HOUR)


def deeds(bundle: Bundle, n: int = 40) -> list[Event]:
    """What known and new users did in the hour after the end of the log."""
    rng = random.Random(3)
    users = [*bundle.users.ids[:5], "new-1", "new-2"]
    return [
        Event(
            event_id=f"e{k}",
            user_id=rng.choice(users),
            item_id=rng.choice(bundle.catalog.vocabulary.ids[:12]),
            event=rng.choice(["purchase", "click", "view", "impression"]),
            at=bundle.end + rng.randrange(HOUR),
        )
        for k in range(n)
    ]


def with_log(shop: Shop, events: list[Event]) -> Interactions:
    """The log as if it had held them."""
    ids = [*shop.interactions.users.ids, "new-1", "new-2"]
    row = {name: i for i, name in enumerate(ids)}
    fresh = pl.DataFrame(
        {
            "user_idx": [row[event.user_id] for event in events],
            "item_idx": [shop.catalog.vocabulary.index[event.item_id] for event in events],
            "event": [EVENT_CODES[event.event] for event in events],
            "at": [event.at for event in events],
            "value": [None] * len(events),
            "weight": [EVENT_WEIGHTS[event.event] for event in events],
            "until": [None] * len(events),
            "position": [None] * len(events),
        },
        schema=shop.interactions.events.schema,
    )
    every = pl.concat([shop.interactions.events, fresh]).sort("at", maintain_order=True)
    return Interactions(
        events=every, users=Vocabulary.ordered(ids), n_items=len(shop.catalog), day=shop.interactions.day
    )


def alike(state: ItemState, other: ItemState) -> None:
    assert state.as_of == other.as_of
    for name in COUNTERS:
        np.testing.assert_allclose(getattr(state, name), getattr(other, name), rtol=1e-9, atol=1e-9, err_msg=name)


def test_counters_are_those_of_a_log_that_held_the_events(
    bundle_root: Path, bundle: Bundle, shop: Shop, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "AT_ONCE", 7)
    service, events = serving(bundle_root, store), deeds(bundle)
    assert counted(service) is service
    states, numbers = [], [0]
    arriving = random.Random(5).sample(events, len(events))
    for start in range(0, len(events), 13):
        store.post(arriving[start : start + 13], now=bundle.end + HOUR)
        service = counted(service)
        states.append(service.bundle.recommender.snapshot.items)
        numbers.append(service.counted)
    while service.counted < len(events):
        service = counted(service)
    assert numbers == sorted(set(numbers))
    state = service.bundle.recommender.snapshot.items
    half_lives = state.half_lives
    alike(state, ItemState.of(shop.catalog, with_log(shop, events), as_of=bundle.end + HOUR, half_lives=half_lives))
    assert state.takers.sum() > bundle.recommender.snapshot.items.takers.sum()
    assert counted(service) is service


def test_popularity_is_that_of_a_log_that_held_the_events(
    bundle_root: Path, bundle: Bundle, shop: Shop, store: Store
) -> None:
    events = deeds(bundle)
    store.post(events, now=bundle.end + HOUR)
    behaviour = counted(serving(bundle_root, store)).bundle.recommender.retriever.behaviour
    taken = with_log(shop, events).positives().events
    age = (bundle.end - taken["at"].to_numpy()) / shop.interactions.day
    weight = taken["weight"].to_numpy() * np.exp2(-age / behaviour.config.popularity_half_life)
    expected = np.bincount(taken["item_idx"].to_numpy(), weight, minlength=len(shop.catalog))
    np.testing.assert_allclose(behaviour.popularity, expected, rtol=1e-6)


def test_a_return_takes_its_purchase_out_of_the_counters(bundle_root: Path, bundle: Bundle, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    before = serving(bundle_root, store)
    item = bundle.catalog.vocabulary.ids[5]
    bought = Event(event_id="e1", user_id="ann", item_id=item, event="purchase", at=bundle.end + 5)
    store.post([bought], now=bundle.end + HOUR)
    with_it = counted(before)
    store.post([replace(bought, event_id="e2", event="return", at=bundle.end + 9)], now=bundle.end + HOUR)
    without = counted(with_it)
    takes = [s.bundle.recommender.snapshot.items.takes[5] for s in (before, with_it, without)]
    assert takes[1] - takes[0] == 1
    assert takes[2] == takes[0]
    popularity = [s.bundle.recommender.retriever.behaviour.popularity[5] for s in (before, with_it, without)]
    assert popularity[1] > popularity[0] == pytest.approx(popularity[2])
    store.close()


def test_what_was_before_the_end_of_the_log_is_not_counted_twice(
    bundle_root: Path, bundle: Bundle, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "state")
    old = Event(event_id="e1", user_id="ann", item_id=bundle.catalog.vocabulary.ids[5], event="purchase", at=5)
    store.post([old], now=bundle.end + HOUR)
    before = serving(bundle_root, store)
    after = counted(before)
    assert after.counted == 1
    items = after.bundle.recommender.snapshot.items
    assert np.array_equal(items.takes, before.bundle.recommender.snapshot.items.takes)
    store.close()


def test_each_user_is_read_once(bundle_root: Path, bundle: Bundle, tmp_path: Path) -> None:
    store, read = SqliteStore(tmp_path / "state"), list[str]()

    class Reading:
        arrivals = store.arrivals

        def past(self, user_id: str, *, since: int, arrived: int) -> Past:
            read.append(user_id)
            return store.past(user_id, since=since, arrived=arrived)

    events = deeds(bundle)
    store.post(events, now=bundle.end + HOUR)
    counted(replace(serving(bundle_root, store), store=Reading()))
    assert sorted(read) == sorted({event.user_id for event in events})
    store.close()


def test_a_trend_is_in_the_lists_of_newcomers_also_after_a_restart(
    unranked_root: Path, bundle: Bundle, tmp_path: Path
) -> None:
    def served() -> TestClient:
        app = create_app(unranked_root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end + HOUR)
        return TestClient(app, raise_server_exceptions=False)

    def place(client: TestClient, item: str) -> int:
        got = client.post("/v1/recommend", json={"user_id": "nobody", "k": 48}).json()["items"]
        return [each["item_id"] for each in got].index(item)

    with served() as client:
        got = client.post("/v1/recommend", json={"user_id": "nobody", "k": 48}).json()["items"]
        last = got[-1]["item_id"]
        told = [
            {"event_id": f"e{n}", "user_id": f"new-{n}", "item_id": last, "event": "purchase"}
            | {"timestamp": got_at(bundle)}
            for n in range(200)
        ]
        before = place(client, last)
        assert client.post("/v1/events", json={"events": told}).json()["accepted"] == 200
        assert eventually(lambda: place(client, last) < before // 2)
        now = place(client, last)
    with served() as client:
        assert eventually(lambda: place(client, last) == now)


def got_at(bundle: Bundle) -> str:
    return str(np.datetime64(bundle.end + HOUR // 2, "us")) + "Z"
