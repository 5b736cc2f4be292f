"""Ids in paths are any text, and each its own."""

from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from recsys.bundle import Bundle
from serving.history import moment

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
