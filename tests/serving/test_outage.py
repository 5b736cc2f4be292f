"""Redis stops under load and comes back: lists go on, say what they do without, and are whole again by themselves."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from recsys.bundle import Bundle
from recsys.schema import DAY, moment
from serving.app import create_app
from serving.limits import Limits
from serving.redis import RedisStore
from tests.serving.conftest import eventually
from tests.serving.server import RedisServer
from tests.serving.watched import value

HOUR = DAY // 24
CLIENTS = 6
REFUSED = "The state cannot be used right now, nothing was changed; try again."


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def client(bundle_root: Path, server: RedisServer) -> Iterator[TestClient]:
    # under load a list may wait longer than is usual, and is then another one
    limits = Limits(deadline_ms=60_000)
    store = RedisStore(server.url)
    app = create_app(bundle_root, store=store, clock=lambda end: end + HOUR, limits=limits)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def event(bundle: Bundle, user: str) -> dict[str, str]:
    """Always the same: once it is kept, posting it changes nothing."""
    item = bundle.catalog.vocabulary.ids[0]
    when = moment(bundle.end + HOUR - 1).isoformat()
    return {"event_id": user, "user_id": user, "item_id": item, "event": "purchase", "timestamp": when}


class Load:
    """Clients that ask for lists and post events, each as fast as it is answered, and what they got.

    Attributes:
        posts: how often which status was answered.
        lists: the same of lists, by what they did without.
        odd: answers to neither that are as they should be.
    """

    def __init__(self, client: TestClient, bundle: Bundle, whole: dict[str, list[str]]) -> None:
        self.posts, self.lists, self.odd = Counter[int](), Counter[str](), list[str]()
        self._client, self._bundle, self._whole = client, bundle, whole
        self._counting, self._ended = threading.Lock(), threading.Event()

    def run(self, user: str) -> None:
        while not self._ended.is_set():
            listed = self._client.post("/v1/recommend", json={"user_id": user})
            posted = self._client.post("/v1/events", json={"events": [event(self._bundle, user)]})
            with self._counting:
                self._listed(user, listed)
                self._posted(posted)

    def end(self) -> None:
        self._ended.set()

    def _listed(self, user: str, got: Response) -> None:
        if got.status_code != 200:
            self.odd.append(got.text)
            return
        body = got.json()
        self.lists[" ".join(body["degraded"])] += 1
        whole = [item["item_id"] for item in body["items"]] == self._whole[user]
        if body["degraded"] != ([] if whole else ["state"]):
            self.odd.append(got.text)

    def _posted(self, got: Response) -> None:
        self.posts[got.status_code] += 1
        if got.status_code == 503 and (got.headers.get("retry-after"), got.json()["detail"]) != ("1", REFUSED):
            self.odd.append(got.text)


@pytest.mark.parametrize(
    ("outages", "each"), [(1, 10), pytest.param(10, 100, marks=pytest.mark.prove)], ids=["once", "ten times"]
)
def test_redis_stops_under_load_and_comes_back(
    client: TestClient, bundle: Bundle, server: RedisServer, outages: int, each: int
) -> None:
    users = [f"ann-{n}" for n in range(CLIENTS)]
    newcomer = listed(client, "nobody")
    for user in users:
        assert client.post("/v1/events", json={"events": [event(bundle, user)]}).status_code == 200
    assert eventually(lambda: client.app.state.switch.service.counted == CLIENTS)  # type: ignore[attr-defined]
    whole = {user: listed(client, user) for user in users}
    assert newcomer not in whole.values()
    load = Load(client, bundle, whole)

    def more(of: Counter, what: object) -> None:
        goal = of[what] + each
        assert eventually(lambda: of[what] >= goal or any(each.done() for each in asking), seconds=120)

    with ThreadPoolExecutor(CLIENTS) as pool:
        asking: list[Future[None]] = [pool.submit(load.run, user) for user in users]
        try:
            for _ in range(outages):
                more(load.lists, "")
                server.stop()
                more(load.lists, "state")
                more(load.posts, 503)
                server.start()
                more(load.lists, "")
                more(load.posts, 200)
        finally:
            load.end()
        for asked in asking:
            asked.result()
    assert load.odd == []
    assert set(load.lists) == {"", "state"}
    assert set(load.posts) == {200, 503}
    assert value(client.app, "recsys_degraded_total", reason="state") == load.lists["state"]
    assert {user: listed(client, user) for user in users} == whole
    print(f"{outages} outages; lists by what they did without: {dict(load.lists)}; posts by status: {dict(load.posts)}")


def listed(client: TestClient, user: str) -> list[str]:
    got = client.post("/v1/recommend", json={"user_id": user}).json()
    assert got["degraded"] == []
    return [item["item_id"] for item in got["items"]]
