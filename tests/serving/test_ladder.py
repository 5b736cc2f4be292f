"""Each part fails in turn: an answer comes all the same, says what it does without, and is the best of the rest."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from recsys.bundle import Bundle
from recsys.ranking.ranker import Ranker
from recsys.retrieval.collaborative import Behaviour
from recsys.retrieval.index import ItemIndex
from recsys.schema import DAY
from serving import ladder
from serving.app import create_app
from serving.sqlite import SqliteStore

HOUR = DAY // 24
USER = "u00003"


@pytest.fixture
def client(bundle_root: Path, tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(bundle_root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end + HOUR)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def listed(client: TestClient, **body: object) -> tuple[list[str], list[str]]:
    """The list, and what it does without."""
    got = client.post("/v1/recommend", json={"user_id": USER, "k": 10} | body)
    assert got.status_code == 200, got.text
    return [item["item_id"] for item in got.json()["items"]], got.json()["degraded"]


def ranked(client: TestClient, items: list[str], **body: object) -> tuple[list[str], list[str]]:
    got = client.post("/v1/rank", json={"user_id": USER, "item_ids": items} | body)
    assert got.status_code == 200, got.text
    return [item["item_id"] for item in got.json()["items"]], got.json()["degraded"]


def fails(*_: object, **__: object) -> None:
    raise RuntimeError(f"{USER} bought a secret")


def without_ranker(bundle: Bundle) -> list[str]:
    found = replace(bundle.recommender, ranker=None).recommend(bundle.histories([USER]), k=10, as_of=bundle.end + HOUR)
    return [bundle.catalog.vocabulary.ids[i] for i in found.item_idx]


@pytest.mark.parametrize(
    ("broken", "without"),
    [
        ([(Ranker, "score")], ["ranker"]),
        ([(ItemIndex, "search")], ["encoder"]),
        ([(Ranker, "score"), (ItemIndex, "search")], ["ranker", "encoder"]),
        ([(Behaviour, "scores")], ["ranker", "encoder", "behaviour"]),
    ],
)
def test_a_part_that_fails_is_done_without(
    client: TestClient, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    broken: list[tuple[type, str]], without: list[str],
) -> None:  # fmt: skip
    whole, nothing = listed(client)
    assert nothing == []
    items = sorted(whole)
    for part, name in broken:
        monkeypatch.setattr(part, name, fails)
    with caplog.at_level(logging.ERROR):
        got, degraded = listed(client)
        assert degraded == without
        assert len(got) == len(set(got)) == 10
        order, lost = ranked(client, items)
        assert (sorted(order), lost) == (items, without)
        explained = client.post("/v1/recommend", json={"user_id": USER, "explain": True}).json()
        assert explained["degraded"] == without
        assert ("explanation" in explained["items"][0]) == ("ranker" not in without)
    assert "RuntimeError" in caplog.text
    assert USER not in caplog.text
    monkeypatch.undo()
    assert listed(client) == (whole, [])


def test_without_the_ranker_the_sources_places_decide(
    client: TestClient, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ranker, "score", fails)
    assert listed(client)[0] == without_ranker(bundle) != listed(client, user_id="nobody")[0]


def test_without_the_encoder_no_text_speaks(
    client: TestClient, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ItemIndex, "search", fails)
    items = client.post("/v1/recommend", json={"user_id": USER, "k": 10}).json()["items"]
    assert len({item["interest"] for item in items}) == 1
    assert all("text" not in item["sources"] for item in items)


def test_without_anything_personal_what_is_popular_comes_first(
    client: TestClient, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Behaviour, "scores", fails)
    popularity = bundle.recommender.retriever.behaviour.popularity
    names = bundle.catalog.vocabulary.ids
    by_popularity = [names[i] for i in np.argsort(-popularity, kind="stable")]
    assert listed(client)[0] == listed(client, user_id="nobody")[0] == by_popularity[:10]
    few = [names[i] for i in range(0, 48, 5)]
    assert ranked(client, few)[0] == [name for name in by_popularity if name in few]
    allowed = {"filters": {"item_ids": {"allow": few}}}
    assert listed(client, **allowed)[0] == ranked(client, few)[0]


def test_where_time_is_short_few_candidates_are_scored(
    client: TestClient, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "FEW", 4)
    switch = client.app.state.switch  # type: ignore[attr-defined]
    assert 0 < switch.service.pace < 1
    whole = listed(client)
    assert listed(client, deadline_ms=60_000) == whole
    switch.clerk.lineup = replace(switch.lineup, main=replace(switch.service, pace=30.0))
    got, degraded = listed(client, deadline_ms=40_000)
    assert (len(got), degraded) == (4, ["deadline"])
    first = replace(bundle.recommender, ranker=None).recommend(bundle.histories([USER]), k=4, as_of=bundle.end + HOUR)
    assert set(got) == {bundle.catalog.vocabulary.ids[i] for i in first.item_idx}
    assert listed(client, deadline_ms=50_000) == whole


def test_where_no_time_is_left_what_is_popular_comes_at_once(
    client: TestClient, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Behaviour, "scores", fails)
    popular, items = listed(client)[0], list(bundle.catalog.vocabulary.ids[:9])
    in_order = ranked(client, items)[0]
    monkeypatch.undo()
    clock = iter(range(100))
    monkeypatch.setattr("serving.lane.time.monotonic", lambda: next(clock))
    without = ["deadline", "ranker", "encoder", "behaviour"]
    assert listed(client, deadline_ms=500) == (popular, without)
    assert ranked(client, items, deadline_ms=500) == (in_order, without)


def test_a_change_whose_turn_does_not_come_is_told_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 11))
    monkeypatch.setattr("serving.lane.time.monotonic", lambda: next(clock))
    got = client.delete("/v1/users/ann")
    assert (got.status_code, got.headers["retry-after"]) == (503, "1")
    sentence = "It was not this request's turn within 10000 ms, nothing was changed; try again."
    assert got.json()["detail"] == sentence
