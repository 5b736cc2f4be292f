"""What is posted counts at once: events, users, and what happens when the state cannot be used."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from recsys.bundle import Bundle
from recsys.data.interactions import Histories
from recsys.schema import DAY, EVENT_CODES, Instant, moment
from serving.app import create_app
from serving.history import joined
from serving.site import opened
from serving.sqlite import SqliteStore
from serving.store import Event, ItemChange, Past, Running, StoreError, Swap
from tests.serving.server import RedisServer

HOUR = DAY // 24


@pytest.fixture
def fresh(bundle_root: Path, tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(bundle_root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end + HOUR)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def event(bundle: Bundle, event_id: str, item_id: str, role: str = "purchase", ago: float = 60, **more: object) -> dict:
    told = moment(bundle.end + HOUR - int(ago * 1e6)).isoformat()
    return {"event_id": event_id, "user_id": "ann", "item_id": item_id, "event": role, "timestamp": told} | more


def items(client: TestClient, **body: object) -> list[str]:
    answer = client.post("/v1/recommend", json=body).json()
    assert answer["degraded"] == []
    return [item["item_id"] for item in answer["items"]]


def test_the_next_request_knows_what_was_posted(fresh: TestClient, bundle: Bundle) -> None:
    newcomer = items(fresh, user_id="ann")
    posted = [event(bundle, f"e{n}", item, ago=60 - n) for n, item in enumerate(bundle.catalog.vocabulary.ids[:6:2])]
    got = fresh.post("/v1/events", json={"events": posted})
    assert (got.status_code, got.json()) == (200, {"accepted": 3, "unknown_items": []})
    told = [{name: each[name] for name in ("item_id", "event", "timestamp")} for each in posted]
    assert items(fresh, user_id="ann") == items(fresh, history=told) != newcomer
    assert items(fresh, user_id="bob") == newcomer
    ranked = {"item_ids": list(bundle.catalog.vocabulary.ids[:20])}
    by_id, by_history = (
        [(item["item_id"], item["score"]) for item in fresh.post("/v1/rank", json=ranked | who).json()["items"]]
        for who in ({"user_id": "ann"}, {"history": told})
    )
    assert by_id == by_history


def test_what_a_known_user_does_now_joins_what_the_bundle_knows(fresh: TestClient, bundle: Bundle) -> None:
    user, item = bundle.users.ids[0], bundle.catalog.vocabulary.ids[-1]
    before = fresh.get(f"/v1/users/{user}").json()
    assert fresh.post("/v1/events", json={"events": [event(bundle, "e", item, user_id=user)]}).json()["accepted"] == 1
    after = fresh.get(f"/v1/users/{user}").json()
    assert after["events"] == before["events"] + 1 == len(bundle.histories([user]).item_idx) + 1
    assert after["latest"][0]["item_id"] == item
    assert after["latest"][1:] == before["latest"][:99]


def test_the_same_event_counts_once_and_another_of_its_name_is_refused(fresh: TestClient, bundle: Bundle) -> None:
    item, other = bundle.catalog.vocabulary.ids[:2]
    one = event(bundle, "e1", item)
    assert fresh.post("/v1/events", json={"events": [one]}).json()["accepted"] == 1
    assert fresh.post("/v1/events", json={"events": [one, one]}).json()["accepted"] == 0
    assert fresh.get("/v1/users/ann").json()["events"] == 1
    refused = fresh.post("/v1/events", json={"events": [event(bundle, "e2", item), one | {"item_id": other}]})
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith("event_id 'e1' was posted before with another content; give every event")
    assert fresh.get("/v1/users/ann").json()["events"] == 1


def test_a_return_takes_back_a_purchase_that_the_bundle_knows(bundle: Bundle) -> None:
    purchase, back = EVENT_CODES["purchase"], EVENT_CODES["return"]

    def row(*events: tuple[int, int]) -> Histories:
        n = len(events)
        codes = np.array([code for _, code in events], np.uint8)
        return Histories(
            indptr=np.array([0, n]),
            item_idx=np.array([item for item, _ in events], np.int32),
            event=codes,
            at=np.arange(n),
            value=np.full(n, np.nan),
            weight=(codes == purchase).astype(np.float32),
        )

    def now(*events: tuple[int, str]) -> list[Event]:
        ids = bundle.catalog.vocabulary.ids
        return [
            Event(event_id=str(n), user_id="ann", item_id=ids[item], event=role, at=100 + n)
            for n, (item, role) in enumerate(events)
        ]

    def left(known: Histories, *events: tuple[int, str]) -> list[tuple[int, int]]:
        found = joined(known, now(*events), items=bundle.catalog.vocabulary, data=bundle.data)
        assert found.indptr.tolist() == [0, len(found.item_idx)]
        return list(zip(found.item_idx.tolist(), found.event.tolist(), strict=True))

    known = row((1, purchase), (2, purchase), (1, purchase))
    assert left(known, (1, "return")) == [(1, purchase), (2, purchase), (1, back)]
    assert left(known, (1, "return"), (1, "return"), (3, "return")) == [(2, purchase), (1, back), (1, back), (3, back)]
    assert left(known, (4, "purchase"), (4, "return")) == [(1, purchase), (2, purchase), (1, purchase), (4, back)]
    # a return that the bundle knows has taken its purchase away already
    assert left(row((1, purchase), (1, back)), (2, "view"))[:2] == [(1, purchase), (1, back)]


def test_items_that_nobody_knows_are_kept_and_told(fresh: TestClient, bundle: Bundle) -> None:
    got = fresh.post("/v1/events", json={"events": [event(bundle, "e1", "zzz"), event(bundle, "e2", "zzz")]})
    assert got.json() == {"accepted": 2, "unknown_items": ["zzz"]}
    assert fresh.get("/v1/users/ann").status_code == 404


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"timestamp": "2999-01-01T00:00:00Z"},
            r"events.0.timestamp: expected an instant before 20\d\d-.*; correct",
        ),
        ({"timestamp": "2020-01-01T00:00:00"}, "events.0.timestamp: Input should have timezone info"),
        ({"event": "bought"}, "events.0.event: expected one of impression, view"),
        ({"event_id": ""}, "events.0.event_id: expected 1 to 256 bytes of UTF-8, got 0"),
        ({"user_id": "é" * 129}, "events.0.user_id: expected 1 to 256 bytes of UTF-8, got 258"),
        ({"when": 1}, "events.0.when is no field of /v1/events"),
    ],
)
def test_an_event_that_cannot_be_is_a_sentence(fresh: TestClient, bundle: Bundle, change: dict, sentence: str) -> None:
    got = fresh.post("/v1/events", json={"events": [event(bundle, "e", "i00001") | change]})
    assert got.status_code == 422
    assert re.search(sentence, got.json()["detail"])
    assert fresh.post("/v1/events", json={"events": []}).status_code == 422
    assert fresh.get("/v1/users/ann").status_code == 404


def test_who_is_erased_is_a_newcomer(fresh: TestClient, bundle: Bundle) -> None:
    user, item = bundle.users.ids[0], bundle.catalog.vocabulary.ids[0]
    newcomer = items(fresh, user_id="nobody")
    assert items(fresh, user_id=user) != newcomer
    posted = event(bundle, "e1", item, user_id=user)
    fresh.post("/v1/events", json={"events": [posted]})
    erased = fresh.delete(f"/v1/users/{user}")
    assert (erased.status_code, erased.json()) == (200, {"user_id": user, "erased": 1})
    assert items(fresh, user_id=user) == newcomer
    missing = fresh.get(f"/v1/users/{user}")
    assert missing.status_code == 404
    assert missing.json()["detail"] == f"Nothing is known of user {user!r}; lists for them are a newcomer's."
    assert fresh.post("/v1/events", json={"events": [posted]}).json()["accepted"] == 0


def test_ids_with_slashes_and_dots_are_ids(fresh: TestClient, bundle: Bundle) -> None:
    user, item = "../a/b?c", bundle.catalog.vocabulary.ids[0]
    fresh.post("/v1/events", json={"events": [event(bundle, "e1", item, user_id=user)]})
    path = "/v1/users/%2E%2E%2Fa%2Fb%3Fc"
    assert fresh.get(path).json()["user_id"] == user
    assert fresh.delete(path).json() == {"user_id": user, "erased": 1}
    too_long = fresh.get("/v1/users/" + "x" * 257)
    assert too_long.status_code == 422
    assert "expected 1 to 256 bytes of UTF-8, got 257" in too_long.json()["detail"]


class Broken:
    """A store whose disk is gone."""

    def post(self, events: Sequence[Event], *, now: Instant) -> int:
        raise StoreError("Cannot use the state in /secret/place: disk I/O error; nothing was changed.")

    def past(self, user_id: str, *, since: Instant) -> Past:
        raise StoreError("Cannot use the state in /secret/place: disk I/O error; nothing was changed.")

    def forget(self, user_id: str, *, now: Instant) -> int:
        raise StoreError("Cannot use the state in /secret/place: disk I/O error; nothing was changed.")

    def latest(self) -> Instant | None:
        return None

    def change_items(self, items: Mapping[str, str | None]) -> None:
        raise StoreError("Cannot use the state in /secret/place: disk I/O error; nothing was changed.")

    def item_changes(self, *, after: int) -> list[ItemChange]:
        return []

    def announce(self, digest: str) -> None:
        raise StoreError("Cannot use the state in /secret/place: disk I/O error; nothing was changed.")

    def swaps(self, *, after: int) -> list[Swap]:
        return []

    def run_experiment(self, experiment: str | None) -> None:
        raise StoreError("Cannot use the state in /secret/place: disk I/O error; nothing was changed.")

    def running(self) -> Running:
        return Running(number=0, experiment=None)

    def close(self) -> None:
        pass


def test_without_the_state_lists_come_from_the_bundle_and_say_so(
    bundle_root: Path, bundle: Bundle, client: TestClient
) -> None:
    app = create_app(bundle_root, store=Broken(), clock=lambda end: end + HOUR)
    with TestClient(app, raise_server_exceptions=False) as broken:
        user = bundle.users.ids[0]
        got = broken.post("/v1/recommend", json={"user_id": user}).json()
        assert got["degraded"] == ["state"]
        assert [item["item_id"] for item in got["items"]] == items(client, user_id=user)
        posted = {"events": [event(bundle, "e1", "i00001")]}
        for answer in (
            broken.post("/v1/events", json=posted),
            broken.get("/v1/users/ann"),
            broken.delete("/v1/users/ann"),
        ):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            detail = answer.json()["detail"]
            assert detail == "The state cannot be used right now, nothing was changed; try again."


def test_a_state_that_hangs_is_done_without_until_it_answers(bundle_root: Path, bundle: Bundle, tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    app = create_app(bundle_root, store=opened(server.url, bundle_root), clock=lambda end: end + HOUR)
    with TestClient(app, raise_server_exceptions=False) as client:
        posted = {"events": [event(bundle, "e1", bundle.catalog.vocabulary.ids[0])]}
        assert client.post("/v1/events", json=posted).json()["accepted"] == 1
        whole = items(client, user_id="ann")
        server.pause()
        for _ in range(3):
            assert client.post("/v1/recommend", json={"user_id": "ann"}).json()["degraded"] == ["state"]
        server.go_on()
        assert well(client)
        assert items(client, user_id="ann") == whole
    server.stop()


def well(client: TestClient) -> bool:
    """Whether answers are whole, soon."""
    end = time.monotonic() + 20
    while client.post("/v1/recommend", json={"user_id": "ann"}).json()["degraded"] and time.monotonic() < end:
        time.sleep(0.05)
    return not client.post("/v1/recommend", json={"user_id": "ann"}).json()["degraded"]


def test_a_state_that_goes_and_comes_back_needs_no_restart(bundle_root: Path, bundle: Bundle, tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    app = create_app(bundle_root, store=opened(server.url, bundle_root), clock=lambda end: end + HOUR)
    with TestClient(app, raise_server_exceptions=False) as client:
        newcomer = items(client, user_id="ann")
        item, other = bundle.catalog.vocabulary.ids[:2]
        assert client.post("/v1/events", json={"events": [event(bundle, "e1", item)]}).json()["accepted"] == 1
        whole = items(client, user_id="ann")
        server.stop()
        got = client.post("/v1/recommend", json={"user_id": "ann"})
        assert (got.status_code, got.json()["degraded"]) == (200, ["state"])
        assert [each["item_id"] for each in got.json()["items"]] == newcomer != whole
        assert client.post("/v1/events", json={"events": [event(bundle, "e2", other)]}).status_code == 503
        server.start()
        assert well(client)
        assert items(client, user_id="ann") == whole
        server.stop()
        assert client.post("/v1/recommend", json={"user_id": "ann"}).json()["degraded"] == ["state"]
        server.start()
        assert client.post("/v1/events", json={"events": [event(bundle, "e2", other)]}).json()["accepted"] == 1
        assert items(client, user_id="ann") != whole  # what was acknowledged is in the next answer
        assert client.get("/v1/users/ann").json()["events"] == 2
    server.stop()
