"""Ids in paths are any text, and each its own."""

from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from recsys.bundle import Bundle
from recsys.schema import moment

ODD = ["ann\n", "\nann", "an\nn", "ann\r\n", "an/n/n", "../ann", "ann/", "ann?x", " ann", "änn🎈"]


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_forgetting_one_user_erases_no_other(client: TestClient, bundle: Bundle, odd: str) -> None:
    plain = f"ann of {ODD.index(odd)}"
    odd = odd.replace("ann", plain)
    events = [
        {"event_id": f"of {user}", "user_id": user, "item_id": "i00001", "event": "click"}
        | {"timestamp": moment(bundle.end).isoformat()}
        for user in (plain, odd)
    ]
    assert client.post("/v1/events", json={"events": events}).json()["accepted"] == 2
    path = "/v1/users/" + quote(odd, safe="")
    assert client.get(path).json()["user_id"] == odd
    assert client.delete(path).json() == {"user_id": odd, "erased": 1}
    assert client.get(path).status_code == 404
    assert client.get(f"/v1/users/{quote(plain)}").json()["events"] == 1


@pytest.mark.parametrize("odd", ["i00002\n", "a/b", "i00002/similar", "i00002/"], ids=ascii)
def test_an_item_is_changed_by_its_own_name_only(client: TestClient, odd: str) -> None:
    path = "/v1/items/" + quote(odd, safe="")
    assert client.put(path, json={"title": "red mug", "item_id": odd}).json()["item_id"] == odd
    assert client.get(path + "/similar").json()["item_id"] == odd
    assert client.delete(path).json() == {"item_id": odd, "known": True, "degraded": []}
    assert client.get("/v1/items/i00002/similar").status_code == 200
