"""Finding items, users and bundles."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from recsys.bundle import Bundle
from serving.app import create_app
from serving.sqlite import SqliteStore
from tests.serving.conftest import HOUR


@pytest.fixture
def market(root: Path, tmp_path: Path) -> Iterator[TestClient]:
    """An app whose state is a test's own, two bundles beside each other."""
    app = create_app(root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end + HOUR)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def items(client: TestClient, **asked: object) -> tuple[list[str], bool]:
    got = client.get("/v1/items", params=asked)
    assert got.status_code == 200, got.text
    return [item["item_id"] for item in got.json()["items"]], got.json()["more"]


def users(client: TestClient, **asked: object) -> tuple[list[str], bool]:
    got = client.get("/v1/users", params=asked)
    assert got.status_code == 200, got.text
    return got.json()["users"], got.json()["more"]


def test_items_are_told_as_they_are(client: TestClient, bundle: Bundle) -> None:
    first = bundle.catalog.items.row(0, named=True)
    (told,) = client.get("/v1/items", params={"item_id": "i00000"}).json()["items"]
    known = {name: value for name, value in first.items() if value is not None and name not in {"item_idx", "text"}}
    assert told.pop("created_at", None) == known.pop("created_at", None)
    assert told == known


def test_named_items_come_in_the_order_named_each_once(client: TestClient) -> None:
    assert items(client, item_id=["i00005", "nothing", "i00001", "i00005"]) == (["i00005", "i00001"], False)
    assert items(client, item_id=["i00005", "i00001"], limit=1) == (["i00005"], True)


def test_words_are_looked_for_in_id_and_title_in_any_case_and_order(client: TestClient, bundle: Bundle) -> None:
    titles = dict(bundle.catalog.items.select("item_id", "title").iter_rows())
    red = [item_id for item_id, title in titles.items() if "red" in title and "lawn" in title]
    assert red
    assert items(client, q="LAWN red") == (red, False)
    assert items(client, q="I0000", limit=3) == (["i00000", "i00001", "i00002"], True)
    assert items(client, q="i0001", item_id=["i00001", "i00011"]) == (["i00011"], False)
    assert items(client, q=".*") == ([], False)
    assert items(client, limit=100) == (list(titles), False)


def test_an_item_that_is_put_is_found_and_one_that_is_gone_is_not(market: TestClient) -> None:
    market.put("/v1/items/new", json={"title": "Ärmel Grün", "tags": ["a"], "price": 2})
    assert items(market, q="grün") == (["new"], False)
    (told,) = market.get("/v1/items", params={"q": "grün"}).json()["items"]
    assert told == {"item_id": "new", "title": "Ärmel Grün", "tags": ["a"], "price": 2.0}
    market.delete("/v1/items/new")
    assert items(market, q="grün") == items(market, item_id="new") == ([], False)


def test_users_are_found_by_the_start_of_their_id(client: TestClient, bundle: Bundle) -> None:
    assert users(client, prefix="u0001", limit=2) == (["u00010", "u00011"], True)
    assert users(client, prefix="u00059") == (["u00059"], False)
    assert users(client, prefix="U") == ([], False)
    assert users(client, limit=100) == (list(bundle.users.ids), False)


def test_an_erased_user_is_not_found_until_heard_of_again(market: TestClient) -> None:
    market.delete("/v1/users/u00010")
    assert users(market, prefix="u00010") == ([], False)
    event = {"event_id": "e", "user_id": "u00010", "item_id": "i00001", "event": "click"}
    at = market.post("/v1/preview", json={"user_id": "u00010"}).json()["as_of"]
    assert market.post("/v1/events", json={"events": [event | {"timestamp": at}]}).status_code == 200
    assert users(market, prefix="u00010") == (["u00010"], False)


def test_who_is_new_since_the_bundle_is_found_by_the_whole_id(market: TestClient) -> None:
    at = market.post("/v1/preview", json={"history": []}).json()["as_of"]
    event = {"event_id": "e", "user_id": "newcomer", "item_id": "i00001", "event": "click", "timestamp": at}
    assert users(market, prefix="newcomer") == ([], False)
    assert market.post("/v1/events", json={"events": [event]}).status_code == 200
    assert users(market, prefix="newcomer") == (["newcomer"], False)
    assert users(market, prefix="newcome") == ([], False)


@pytest.mark.parametrize("path", ["/v1/items", "/v1/users"])
@pytest.mark.parametrize("limit", [0, 101, "x"])
def test_a_limit_has_limits(client: TestClient, path: str, limit: object) -> None:
    got = client.get(path, params={"limit": limit})
    assert got.status_code == 422
    assert got.json()["detail"].startswith("query.limit: ")


def test_the_bundles_beside_the_one_in_use(market: TestClient, root: Path, without: str, with_rules: str) -> None:
    (root / "notes").mkdir()
    (root / ("0" * 64)).mkdir()  # one that is being written has no manifest yet

    def found() -> dict[str, tuple[bool, bool]]:
        told = market.get("/v1/bundles").json()["bundles"]
        assert [each["published"] for each in told] == sorted((each["published"] for each in told), reverse=True)
        return {each["bundle"]: (each["current"], each["loaded"]) for each in told}

    assert found() == {without: (True, True), with_rules: (False, False)}
    arm = {"name": "ruled", "share": 1, "bundle": with_rules}
    assert market.put("/v1/experiment", json={"name": "a", "traffic": 0, "arms": [arm]}).status_code == 200
    assert found() == {without: (True, True), with_rules: (False, True)}
    market.delete("/v1/experiment")
    market.post("/v1/bundle", json={"name": with_rules})
    assert found() == {without: (False, False), with_rules: (True, True)}
