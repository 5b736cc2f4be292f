"""Items that come, change and go while the service runs."""

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from fastapi.testclient import TestClient

from recsys.bundle import Bundle
from recsys.retrieval.onnx import OnnxEncoder
from recsys.schema import DAY, moment
from serving.app import create_app
from serving.site import opened
from serving.sqlite import SqliteStore
from serving.stock import stocked
from serving.store import StoreError
from tests.serving.conftest import eventually
from tests.serving.server import RedisServer

HOUR = DAY // 24


def served(root: Path, state: Path | str) -> TestClient:
    app = create_app(root, store=opened(str(state), root), clock=lambda end: end + HOUR)
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def client(root: Path, tmp_path: Path) -> Iterator[TestClient]:
    with served(root, tmp_path / "state") as client:
        yield client


def listed(client: TestClient, **body: object) -> list[str]:
    got = client.post("/v1/recommend", json={"user_id": "u00003", "k": 1000} | body)
    assert got.status_code == 200, got.text
    return [item["item_id"] for item in got.json()["items"]]


def there(client: TestClient, *items: str) -> bool:
    """Whether all are ranked; some rules keep an item from a list, none from being ranked."""
    return not client.post("/v1/rank", json={"user_id": "nobody", "item_ids": [*items]}).json()["unknown_items"]


def twin(bundle: Bundle, item: int = 0) -> dict[str, object]:
    """What a PUT says of an item like a known one."""
    row = bundle.catalog.items.row(item, named=True)
    return {name: row[name] for name in ("title", "description", "category", "brand", "tags", "price")}


def fan(bundle: Bundle, item: int = 0) -> list[dict[str, object]]:
    """The history of somebody who likes one item."""
    return [{"item_id": bundle.catalog.vocabulary.ids[item], "event": "purchase"}]


def test_an_item_that_is_put_is_recommended_by_its_text_at_once(client: TestClient, bundle: Bundle) -> None:
    got = client.put("/v1/items/new one", json=twin(bundle))
    assert (got.status_code, got.json()["known"], got.json()["degraded"]) == (200, False, [])
    assert got.json()["text"] == bundle.catalog.texts[0]
    answer = client.post("/v1/recommend", json={"history": fan(bundle), "k": 1000}).json()
    (found,) = [item for item in answer["items"] if item["item_id"] == "new one"]
    assert "text" in found["sources"]
    (same,) = [item for item in answer["items"] if item["item_id"] == bundle.catalog.vocabulary.ids[0]]
    assert found["interest"] == pytest.approx(same["interest"], abs=1e-6)
    ranked = client.post("/v1/rank", json={"user_id": "nobody", "item_ids": ["new one", "odd"]}).json()
    assert ([item["item_id"] for item in ranked["items"]], ranked["unknown_items"]) == (["new one"], ["odd"])


def test_an_item_that_is_put_again_is_what_it_is_now(client: TestClient, bundle: Bundle) -> None:
    item = bundle.catalog.vocabulary.ids[3]
    wanted = {"filters": {"category": {"any": ["curios"]}}}
    assert listed(client, **wanted) == []
    got = client.put(f"/v1/items/{item}", json=twin(bundle) | {"category": "curios"})
    assert got.json()["known"] is True
    assert client.post("/v1/rank", json={"user_id": "nobody", "item_ids": [item], **wanted}).json()["items"]
    gone = client.put(f"/v1/items/{item}", json=twin(bundle) | {"available_until": moment(bundle.end).isoformat()})
    assert gone.status_code == 200
    assert item not in listed(client)


def test_an_item_that_is_deleted_is_in_no_answer(client: TestClient, bundle: Bundle) -> None:
    item = listed(client)[0]
    near = client.get(f"/v1/items/{item}/similar").json()["items"][0]["item_id"]
    assert client.delete(f"/v1/items/{item}").json() == {"item_id": item, "known": True, "degraded": []}
    assert client.delete(f"/v1/items/{item}").json()["known"] is False
    assert item not in listed(client)
    allowed = {"filters": {"item_ids": {"allow": [item]}}}
    assert listed(client, **allowed) == []
    ranked = client.post("/v1/rank", json={"user_id": "nobody", "item_ids": [item]}).json()
    assert (ranked["items"], ranked["unknown_items"]) == ([], [item])
    assert client.get(f"/v1/items/{item}/similar").status_code == 404
    assert item not in [other["item_id"] for other in client.get(f"/v1/items/{near}/similar?k=1000").json()["items"]]
    told = {"history": [{"item_id": item, "event": "purchase"}], "explain": True}
    why = client.post("/v1/recommend", json=told).json()["items"]
    assert why
    assert all(each["explanation"].get("because", {}).get("item_id") != item for each in why)
    assert client.put(f"/v1/items/{item}", json=twin(bundle)).json()["known"] is False
    assert item in listed(client)


def test_items_survive_a_restart_and_another_bundle(
    root: Path, tmp_path: Path, bundle: Bundle, ruled_bundle: Bundle
) -> None:
    item = bundle.catalog.vocabulary.ids[3]
    with served(root, tmp_path / "state") as client:
        client.put("/v1/items/new", json=twin(bundle))
        client.delete(f"/v1/items/{item}")
        before = listed(client)
        assert "new" in before
        assert item not in before
        digest = client.get("/v1/bundle").json()
    with served(root, tmp_path / "state") as client:
        assert listed(client) == before
        assert client.get("/v1/bundle").json() == digest
        assert client.post("/v1/bundle", json={"name": ruled_bundle.digest}).status_code == 200
        assert there(client, "new")
        assert not there(client, item)
        assert client.get("/v1/bundle").json()["items"] == len(ruled_bundle.catalog) + 1


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_every_worker_learns_of_items(root: Path, tmp_path: Path, bundle: Bundle, kind: str) -> None:
    server = RedisServer(tmp_path) if kind == "redis" else None
    state = server.url if server else tmp_path / "state"
    item = bundle.catalog.vocabulary.ids[3]
    with served(root, state) as one, served(root, state) as other:
        one.put("/v1/items/new", json=twin(bundle))
        assert eventually(lambda: "new" in listed(other))
        other.delete(f"/v1/items/{item}")
        assert eventually(lambda: item not in listed(one))
        assert eventually(lambda: listed(one) == listed(other))
    if server:
        server.stop()


def test_what_changes_while_a_bundle_is_loaded_is_known_to_it(
    root: Path, tmp_path: Path, bundle: Bundle, ruled_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading, go_on = threading.Event(), threading.Event()
    real = Bundle.load.__func__

    with served(root, tmp_path / "state") as client:

        def slow(cls: type, directory: Path, **more: int) -> Bundle:
            loading.set()
            assert go_on.wait(20)
            return real(cls, directory, **more)

        monkeypatch.setattr(Bundle, "load", classmethod(slow))
        swap = threading.Thread(target=lambda: client.post("/v1/bundle", json={"name": ruled_bundle.digest}))
        swap.start()
        assert loading.wait(20)
        client.put("/v1/items/new", json=twin(bundle))
        assert "new" in listed(client)
        go_on.set()
        swap.join()
        assert client.get("/v1/bundle").json()["bundle"] == ruled_bundle.digest
        assert there(client, "new")


def test_many_at_once_are_all_there(client: TestClient, bundle: Bundle) -> None:
    def put(n: int) -> None:
        assert client.put(f"/v1/items/new-{n}", json=twin(bundle, n)).status_code == 200

    threads = [threading.Thread(target=put, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert there(client, *(f"new-{n}" for n in range(12)))


def test_without_the_encoder_an_item_is_found_by_words_and_behaviour(
    client: TestClient, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: OnnxEncoder, texts: list[str], **more: int) -> np.ndarray:
        raise RuntimeError("no such operator")

    monkeypatch.setattr(OnnxEncoder, "encode", broken)
    got = client.put("/v1/items/new", json=twin(bundle)).json()
    assert got["degraded"] == ["encoder"]
    answer = client.post("/v1/recommend", json={"history": fan(bundle), "k": 1000}).json()
    (found,) = [item for item in answer["items"] if item["item_id"] == "new"]
    assert "text" not in found["sources"]
    monkeypatch.undo()
    assert client.put("/v1/items/new", json=twin(bundle, 1)).json()["degraded"] == []
    assert client.get("/v1/items/new/similar").json()["items"]


def test_a_change_that_cannot_be_made_does_not_keep_the_others_from_being_made(
    client: TestClient, bundle: Bundle, root: Path, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "state")
    store.change_items({"odd": '{"price": "many"}', "new": '{"title": "a new one"}'})
    assert eventually(lambda: client.get("/v1/items/new/similar").status_code == 200)
    assert client.get("/v1/items/odd/similar").status_code == 404
    store.close()
    with served(root, tmp_path / "state") as again:
        assert again.get("/v1/items/new/similar").status_code == 200


def test_what_the_bundle_has_already_is_not_read_again(
    client: TestClient, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = client.app.state.switch.service  # type: ignore[attr-defined]
    row = bundle.catalog.items.row(2, named=True)
    item = {name: row[name] for name in row if name not in {"item_idx", "text", "item_id"} and row[name] is not None}
    monkeypatch.setattr(OnnxEncoder, "encode", None)
    for name in ("created_at", "available_from", "available_until"):
        if name in item:
            item[name] = item[name].isoformat()
    client.put(f"/v1/items/{row['item_id']}", json=item)
    now = client.app.state.switch.service  # type: ignore[attr-defined]
    assert now.stock > service.stock
    assert now.bundle.recommender is service.bundle.recommender
    assert stocked(now, []) is now


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        ({"price": -1}, "price: Input should be greater than or equal to 0, got -1."),
        ({"titel": "a"}, "titel is no field of /v1/items/new; see /openapi.json for those that are."),
        ({"title": 5}, "title: Input should be a valid string, got 5."),
        ({"item_id": "other"}, "item_id: expected 'new', as in the path, or none, got 'other'."),
        ({"created_at": "2026-01-01T00:00"}, "created_at: Input should have timezone info, got '2026-01-01T00:00'."),
        ({"available_from": "0001-01-01T00:00+02:00"}, "available_from: expected a year from 2 to 9998, got"),
        ([], "The body: expected a JSON object, got an array."),
    ],
)
def test_odd_items_are_a_sentence(client: TestClient, item: object, sentence: str) -> None:
    got = client.put("/v1/items/new", json=item)
    assert got.status_code == 422
    assert got.json()["detail"].startswith(sentence)
    assert client.get("/v1/items/new/similar").status_code == 404


def test_half_a_character_is_no_text(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    got = client.put("/v1/items/new", content=b'{"title": "\\ud800"}', headers=headers)
    assert got.status_code == 422
    assert got.json()["detail"].startswith("title: ")


@pytest.mark.parametrize("item", ["a/b", "../../etc", "similar", "a/similar", "ü %", "x" * 256])
def test_an_id_is_any_text(client: TestClient, bundle: Bundle, item: str) -> None:
    assert client.put(f"/v1/items/{quote(item, safe='')}", json=twin(bundle)).json()["item_id"] == item
    assert item in listed(client)
    assert client.get(f"/v1/items/{quote(item, safe='')}/similar").json()["item_id"] == item


def test_an_item_is_kept_or_nothing_changes(
    client: TestClient, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: SqliteStore, items: object) -> None:
        raise StoreError("Cannot use the state in /secret: disk full; nothing was changed.")

    monkeypatch.setattr(SqliteStore, "change_items", full)
    for got in (client.put("/v1/items/new", json=twin(bundle)), client.delete("/v1/items/x")):
        assert got.status_code == 503
        assert got.headers["retry-after"] == "1"
        assert "secret" not in got.text
    assert client.get("/v1/items/new/similar").status_code == 404
