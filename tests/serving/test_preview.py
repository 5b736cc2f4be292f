"""Lists that nobody is shown: the same as the others', of any arm, with a draft, and without a trace."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from recsys.data.policy_log import PolicyLog
from serving.app import create_app
from serving.journal import Journal
from serving.keeping import forgotten_by
from serving.sqlite import SqliteStore
from tests.serving.conftest import HOUR
from tests.serving.watched import samples

USER = "u00003"
DRAFT = {"title": "red hedge watering trowel"}


@pytest.fixture
def market(root: Path, tmp_path: Path) -> Iterator[TestClient]:
    store = SqliteStore(tmp_path / "state")
    log = Journal(tmp_path / "log", forgotten=forgotten_by(store))
    app = create_app(root, store=store, clock=lambda end: end + HOUR, log=log)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def asked(client: TestClient, path: str, **query: object) -> dict:
    got = client.post(path, json={"user_id": USER, "k": 8} | query)
    assert got.status_code == 200, got.text
    return got.json()


def ids(answer: dict) -> list[str]:
    return [place["item_id"] for place in answer["items"]]


def told(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name != "request_id"}


def run(client: TestClient, *arms: dict, traffic: float = 1) -> None:
    got = client.put("/v1/experiment", json={"name": "june", "traffic": traffic, "arms": list(arms)})
    assert got.status_code == 200, got.text


@pytest.mark.parametrize("query", [{}, {"explain": True}, {"filters": {"category": {"any": ["garden"]}}}])
def test_a_preview_is_the_list(client: TestClient, query: dict) -> None:
    assert told(asked(client, "/v1/preview", **query)) == told(asked(client, "/v1/recommend", **query))
    assert told(asked(client, "/v1/preview", arm="default", **query)) == told(asked(client, "/v1/recommend", **query))


def test_a_preview_of_each_arm_whosever_the_user_is(market: TestClient, without: str, with_rules: str) -> None:
    drawn = {"kind": "plackett_luce", "temperature": 0.5}
    run(
        market,
        {"name": "plain", "share": 0.5, "bundle": without},
        {"name": "ruled", "share": 0.25, "bundle": with_rules},
        {"name": "drawn", "share": 0.25, "policy": drawn},
        {"name": "mixed", "share": 0, "interleave": {"bundle": with_rules}},
    )
    names = ("plain", "ruled", "drawn", "mixed")
    by_arm = {arm: asked(market, "/v1/preview", arm=arm, request_id="r") for arm in names}
    assert [answer["arm"] for answer in by_arm.values()] == list(names)
    assert [answer["bundle"] for answer in by_arm.values()] == [without, with_rules, without, without]
    assert [answer["policy"] for answer in by_arm.values()] == [
        "deterministic",
        "deterministic",
        "plackett_luce",
        "team_draft",
    ]
    own = asked(market, "/v1/recommend", request_id="r")
    assert asked(market, "/v1/preview", request_id="r") == own == by_arm[own["arm"]]
    usual = asked(market, "/v1/preview", arm="default")
    assert (usual["arm"], ids(usual)) == ("default", ids(by_arm["plain"]))
    market.post("/v1/bundle", json={"name": with_rules})
    assert ids(asked(market, "/v1/preview", arm="default")) == ids(by_arm["ruled"])


def test_an_arm_without_traffic_can_be_looked_at(market: TestClient, with_rules: str) -> None:
    run(market, {"name": "ruled", "share": 1, "bundle": with_rules}, traffic=0)
    assert asked(market, "/v1/recommend")["arm"] == "default"
    assert asked(market, "/v1/preview", arm="ruled")["bundle"] == with_rules


@pytest.mark.parametrize("path", ["/v1/preview", "/v1/draft"])
def test_an_arm_that_does_not_run_is_named(client: TestClient, path: str) -> None:
    draft = {"item": DRAFT} if path == "/v1/draft" else {}
    got = client.post(path, json={"user_id": USER, "arm": "june"} | draft)
    assert got.status_code == 404
    assert got.json()["detail"] == "No arm is named 'june' right now; expected one of default."


def test_nothing_of_a_preview_is_logged_counted_or_kept(market: TestClient, tmp_path: Path, with_rules: str) -> None:
    mixed = {"name": "mixed", "share": 1, "interleave": {"bundle": with_rules}}
    run(market, mixed)
    asked(market, "/v1/recommend")
    for arm in (None, "default", "mixed"):
        asked(market, "/v1/preview", **({} if arm is None else {"arm": arm}))
        asked(market, "/v1/draft", item=DRAFT, **({} if arm is None else {"arm": arm}))
    counted = {key: value for key, value in samples(market.app).items() if key[0] == "recsys_answers_total"}
    assert counted == {("recsys_answers_total", (("arm", "mixed"), ("policy", "team_draft"))): 1.0}
    assert market.get("/v1/items", params={"q": "draft"}).json()["items"] == []
    market.__exit__(None, None, None)
    assert PolicyLog.load(tmp_path / "log").answers.collect()["request_id"].n_unique() == 1


def test_a_draft_lands_where_the_item_would(market: TestClient) -> None:
    found = asked(market, "/v1/draft", item=DRAFT, k=100, explain=True)
    landing, answer = found["landing"], found["answer"]
    assert (landing["item_id"], landing["known"], landing["degraded"]) == ("draft", False, [])
    assert landing["text"] == "red hedge watering trowel"
    assert landing["proposed"] == len(answer["items"])
    assert ids(answer)[landing["place"]["rank"] - 1] == "draft"
    similar = landing["similar"]
    assert asked(market, "/v1/draft", item=DRAFT)["landing"] == landing, "its place is that among all, whatever k"
    market.put("/v1/items/draft", json=DRAFT)
    assert ids(asked(market, "/v1/recommend", k=100)) == ids(answer)
    assert market.get("/v1/items/draft/similar", params={"k": 5}).json()["items"] == similar
    again = asked(market, "/v1/draft", item=DRAFT)["landing"]
    assert again["item_id"] == "draft-1", "a name that no item has"


def test_a_draft_of_a_known_item_is_tried_in_its_place(market: TestClient) -> None:
    before = asked(market, "/v1/recommend", k=100)
    found = asked(market, "/v1/draft", item={"item_id": "i00044", "title": "classic drum"}, k=100)
    assert found["landing"]["known"]
    assert found["landing"]["text"] == "classic drum"
    assert len(found["answer"]["items"]) <= len(before["items"])
    assert asked(market, "/v1/recommend", k=100)["items"] == before["items"]


def test_a_draft_that_a_filter_leaves_out_has_no_place(client: TestClient) -> None:
    found = asked(client, "/v1/draft", item=DRAFT, filters={"category": {"any": ["garden"]}})
    assert "place" not in found["landing"]
    assert "draft" not in ids(found["answer"])


def test_a_draft_whose_text_cannot_be_read_says_so(market: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        dim = 16

        def encode(self, texts: object) -> None:
            raise RuntimeError("no")

    encoder = type(market.app.state.switch.service.bundle.encoder)
    monkeypatch.setattr(encoder, "encode", Broken().encode)
    landing = asked(market, "/v1/draft", item=DRAFT)["landing"]
    assert landing["degraded"] == ["encoder"]
    assert landing["similar"] == []


def test_a_draft_has_its_turn_or_a_sentence(market: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market.app.state, "limits", market.app.state.limits.model_copy(update={"state_ms": 0}))
    got = market.post("/v1/draft", json={"user_id": USER, "item": DRAFT})
    assert got.status_code == 503
    assert got.json()["detail"] == "It was not this draft's turn within 0 ms; try again."
    assert got.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ({"user_id": USER, "item": {"price": -1}}, "item.price: "),
        ({"user_id": USER}, "item is missing"),
        ({"user_id": USER, "item": DRAFT, "arm": "a b"}, "arm: "),
        ({"item": DRAFT}, "The body: expected exactly one of user_id and history, got neither"),
    ],
)
def test_a_wrong_draft_has_a_sentence(client: TestClient, query: dict, detail: str) -> None:
    got = client.post("/v1/draft", json=query)
    assert got.status_code == 422
    assert got.json()["detail"].startswith(detail)
