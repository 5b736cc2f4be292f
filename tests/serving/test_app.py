"""The door: the same lists as in batch, and a sentence for everything that is not a request."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from recsys.bundle import CURRENT, Bundle
from recsys.errors import ArtifactError
from recsys.recommender import Recommendations
from serving.app import create_app
from serving.breaker import Breaker
from serving.limits import Limits
from serving.schemas import Answer, RecommendRequest
from serving.service import Service
from serving.sqlite import SqliteStore

HOUR = 3_600_000_000


def answer(client: TestClient, path: str, **body: object) -> Answer:
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return Answer.model_validate_json(response.content)


def same(answer: Answer, bundle: Bundle, found: Recommendations, part: slice) -> None:
    item_idx = found.item_idx[part]
    assert [i.item_id for i in answer.items] == bundle.catalog.vocabulary.decode(item_idx)
    assert [i.rank for i in answer.items] == list(range(1, len(item_idx) + 1))
    np.testing.assert_allclose([i.score for i in answer.items], found.score[part], atol=1e-5, rtol=0)
    np.testing.assert_allclose([i.probability for i in answer.items], found.probability[part], atol=1e-5, rtol=0)


def told(found: Recommendations) -> list[list[str]]:
    return [[name for bit, name in enumerate(found.rule_names) if int(bits) >> bit & 1] for bits in found.rules]


@pytest.mark.parametrize("kind", ["", "ruled_"])
def test_batch_is_single_is_endpoint(request: pytest.FixtureRequest, kind: str) -> None:
    client, bundle = (request.getfixturevalue(kind + name) for name in ("client", "bundle"))
    as_of = bundle.end + HOUR
    users = [*bundle.users.ids, "a newcomer"]
    batch = bundle.recommender.recommend(bundle.histories(users), k=20, as_of=as_of)
    for row, user in enumerate(users):
        part = slice(batch.indptr[row], batch.indptr[row + 1])
        single = bundle.recommender.recommend(bundle.histories([user]), k=20, as_of=as_of)
        np.testing.assert_array_equal(single.item_idx, batch.item_idx[part])
        np.testing.assert_array_equal(single.score, batch.score[part])
        np.testing.assert_array_equal(single.probability, batch.probability[part])
        np.testing.assert_array_equal(single.rules, batch.rules[part])
        got = answer(client, "/v1/recommend", user_id=user)
        assert [i.rules or [] for i in got.items] == told(single)
        assert int(got.as_of.timestamp() * 1e6 + 0.5) == as_of
        same(got, bundle, batch, part)


@pytest.mark.parametrize("kind", ["", "ruled_"])
def test_rank_batch_is_single_is_endpoint(request: pytest.FixtureRequest, kind: str) -> None:
    client, bundle = (request.getfixturevalue(kind + name) for name in ("client", "bundle"))
    as_of = bundle.end + HOUR
    given = np.arange(0, len(bundle.catalog), 2, dtype=np.int32)[::-1]
    item_ids = bundle.catalog.vocabulary.decode(given)
    batch = bundle.recommender.rank(bundle.histories(bundle.users.ids), [given] * len(bundle.users), as_of=as_of)
    for row, user in enumerate(bundle.users.ids):
        part = slice(batch.indptr[row], batch.indptr[row + 1])
        got = answer(client, "/v1/rank", user_id=user, item_ids=item_ids)
        same(got, bundle, batch, part)
        assert sorted(i.item_id for i in got.items) == sorted(item_ids)


def test_a_probability_that_was_never_fitted_is_left_out(bundle_root: Path, bundle: Bundle, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    service = Service.open(bundle_root / CURRENT, store=store, breaker=Breaker(store), clock=lambda end: end)
    ranker = replace(service.bundle.recommender.ranker, probability=None)
    recommender = replace(service.bundle.recommender, ranker=ranker)
    bare = replace(service, bundle=replace(service.bundle, recommender=recommender))
    got = bare.recommend(RecommendRequest(user_id=bundle.users.ids[0]))
    assert [item.probability for item in got.items] == [None] * 20
    assert "probability" not in got.items[0].model_dump(exclude_none=True)


def test_a_told_history_is_as_good_as_a_known_one(client: TestClient, bundle: Bundle) -> None:
    user = bundle.users.ids[3]
    events = bundle.histories([user])
    names = ["impression", "view", "click", "share", "comment", "like", "cart", "purchase"]
    told = [
        {
            "item_id": bundle.catalog.vocabulary.ids[item],
            "event": names[event],
            "timestamp": str(np.datetime64(int(at), "us")) + "Z",
            **({} if np.isnan(value) else {"value": value}),
        }
        for item, event, at, value in zip(events.item_idx, events.event, events.at.tolist(), events.value, strict=True)
    ]
    assert answer(client, "/v1/recommend", history=told).items == answer(client, "/v1/recommend", user_id=user).items


def test_the_answer_says_what_it_is(client: TestClient, bundle: Bundle) -> None:
    got = answer(client, "/v1/recommend", user_id="u00001", request_id="r-7", k=3)
    assert (got.request_id, got.bundle, got.arm, got.policy) == ("r-7", bundle.digest, "default", "deterministic")
    assert got.degraded == []
    assert got.unknown_items == []
    assert len(got.items) == 3
    assert all(i.propensity == 1.0 and 0 <= i.interest <= 1 and i.sources for i in got.items)
    first, second = (answer(client, "/v1/recommend", user_id="u00001").request_id for _ in range(2))
    assert first != second


def test_an_unknown_user_and_an_empty_history_get_the_newcomers_list(client: TestClient) -> None:
    unknown = answer(client, "/v1/recommend", user_id="nobody has this id").items
    assert unknown == answer(client, "/v1/recommend", history=[]).items
    assert len(unknown) == 20


def test_rules_are_told_in_words_and_only_where_there_are_any(client: TestClient, ruled_client: TestClient) -> None:
    plain = client.post("/v1/recommend", json={"user_id": "u00001"}).json()["items"]
    assert not any("rules" in item for item in plain)
    items = ruled_client.post("/v1/recommend", json={"user_id": "u00001"}).json()["items"]
    assert (items[1]["item_id"], items[1]["rules"][0]) == ("i00005", "pinned")
    words = {word for item in items for word in item.get("rules", [])}
    assert {"pinned", "boosted: tag red"} <= words
    assert any("rules" not in item for item in items)
    assert all(item["propensity"] == 1 for item in items)
    for item in ruled_client.post("/v1/recommend", json={"user_id": "u00001", "explain": True}).json()["items"]:
        why = item["explanation"]
        assert why["base"] + sum(why["contributions"].values()) == pytest.approx(item["score"], abs=1e-5)
    everything = [f"i{n:05d}" for n in range(48)]
    ranked = ruled_client.post("/v1/rank", json={"user_id": "u00001", "item_ids": everything}).json()["items"]
    assert sorted(item["item_id"] for item in ranked) == everything
    assert ranked[-1]["rules"][-1] == "over the cap: brand"


def test_a_pin_obeys_the_filters_of_a_request(ruled_client: TestClient) -> None:
    body = {"user_id": "u00001", "filters": {"item_ids": {"deny": ["i00005"]}}}
    assert "i00005" not in [i.item_id for i in answer(ruled_client, "/v1/recommend", **body).items]


def test_unknown_items_are_listed_and_the_rest_is_ranked(client: TestClient) -> None:
    got = answer(client, "/v1/rank", user_id="u00001", item_ids=["i00002", "zzz", "i00001", "i00002", "yyy", "zzz"])
    assert got.unknown_items == ["zzz", "yyy"]
    assert sorted(i.item_id for i in got.items) == ["i00001", "i00002"]
    nothing = answer(client, "/v1/rank", user_id="u00001", item_ids=["zzz"])
    assert (nothing.items, nothing.unknown_items) == ([], ["zzz"])


def test_ids_are_text_and_never_paths(client: TestClient) -> None:
    for odd in ("../../etc/passwd", "a\u0000b", "' OR 1=1 --", "מזהה", "🎈", "\n"):
        assert answer(client, "/v1/rank", user_id=odd, item_ids=[odd, "i00001"]).unknown_items == [odd]


def test_filters_hold_for_both(client: TestClient, bundle: Bundle) -> None:
    items = {row["item_id"]: row for row in bundle.catalog.items.iter_rows(named=True)}
    filters = {"category": {"any": ["garden"]}, "price": {"max": 9.0}, "item_ids": {"deny": ["i00000"]}}
    expected = {i for i, row in items.items() if row["category"] == "garden" and row["price"] <= 9.0 and i != "i00000"}
    assert expected
    for got in (
        answer(client, "/v1/recommend", user_id="u00001", filters=filters, k=1000, exclude_seen=False),
        answer(client, "/v1/rank", user_id="u00001", filters=filters, item_ids=[*items]),
    ):
        assert {i.item_id for i in got.items} <= expected
    assert {i.item_id for i in got.items} == expected


def test_seen_items_can_be_left_out(client: TestClient, bundle: Bundle) -> None:
    seen = {bundle.catalog.vocabulary.ids[i] for i in bundle.histories(["u00001"]).item_idx}
    everything = [*bundle.catalog.vocabulary.ids]
    for path, body in (("/v1/recommend", {"k": 1000}), ("/v1/rank", {"item_ids": everything})):
        without = {i.item_id for i in answer(client, path, user_id="u00001", exclude_seen=True, **body).items}
        assert without
        assert not without & seen
        assert {i.item_id for i in answer(client, path, user_id="u00001", exclude_seen=False, **body).items} & seen


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/recommend", {}),
        ("/v1/recommend", {"exclude_seen": True, "filters": {"price": {"min": 5.0}}}),
        ("/v1/rank", {"item_ids": ["i00003", "i00001", "i00002"]}),
        ("/v1/rank", {"item_ids": ["i00003", "i00001", "i00002"], "filters": {"item_ids": {"deny": ["i00001"]}}}),
    ],
)
def test_contributions_add_up_to_the_score(client: TestClient, bundle: Bundle, path: str, body: dict) -> None:
    got = answer(client, path, user_id="u00001", explain=True, **body)
    assert bundle.recommender.ranker
    assert len(got.items) > 1
    for item in got.items:
        assert item.explanation
        assert tuple(item.explanation.contributions) == bundle.recommender.ranker.features
        total = item.explanation.base + sum(item.explanation.contributions.values())
        assert total == pytest.approx(item.score, abs=1e-5)
    unexplained = answer(client, path, user_id="u00001", **body)
    assert [i.model_copy(update={"explanation": None}) for i in got.items] == unexplained.items


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/recommend", {"k": 8}), ("/v1/rank", {"item_ids": ["i00003", "i00009"]})]
)
def test_reasons_are_those_of_the_library(client: TestClient, bundle: Bundle, path: str, body: dict) -> None:
    got = answer(client, path, user_id="u00001", explain=True, **body)
    ids = bundle.catalog.vocabulary
    item_idx = ids.encode(item.item_id for item in got.items)
    why = bundle.recommender.explain(bundle.histories(["u00001"]), item_idx, as_of=bundle.end + HOUR)
    titles, linked = bundle.catalog.items["title"], 0
    for item, expected in zip(got.items, why, strict=True):
        assert item.explanation
        shown = [(reason.group, reason.text, reason.share) for reason in item.explanation.reasons]
        assert shown == [(reason.group, reason.text, reason.share) for reason in expected.reasons]
        because = item.explanation.because
        assert (because is None) == (expected.because is None)
        if because is not None and expected.because is not None:
            assert (because.item_id, because.title) == (ids.ids[expected.because], titles[expected.because])
            linked += 1
    assert linked


def test_a_newcomer_is_shown_reasons_but_no_item(client: TestClient) -> None:
    for item in answer(client, "/v1/recommend", history=[], explain=True).items:
        assert item.explanation
        assert item.explanation.reasons
        assert item.explanation.because is None


def test_a_list_cannot_be_longer_than_the_catalogue(client: TestClient, bundle: Bundle) -> None:
    got = answer(client, "/v1/recommend", user_id="u00001", k=1000)
    assert 0 < len(got.items) <= len(bundle.catalog)
    assert len({i.item_id for i in got.items}) == len(got.items)


def test_bundle_and_health(client: TestClient, bundle: Bundle) -> None:
    info = client.get("/v1/bundle").json()
    assert info["bundle"] == bundle.digest
    assert (info["users"], info["items"]) == (60, 48)
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready", "bundle": bundle.digest}


def test_openapi_is_complete(client: TestClient) -> None:
    spec = client.get("/openapi.json").json()
    assert set(spec["paths"]) == {
        *("/v1/recommend", "/v1/rank", "/v1/events", "/v1/users/{user_id}", "/v1/bundle", "/v1/experiment"),
        *("/v1/items/{item_id}", "/v1/items/{item_id}/similar", "/v1/items", "/v1/users", "/v1/bundles"),
        *("/v1/preview", "/v1/draft"),
        *("/health/live", "/health/ready", "/metrics"),
    }
    for path, request in (("/v1/recommend", "RecommendRequest"), ("/v1/rank", "RankRequest")):
        post = spec["paths"][path]["post"]
        assert post["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith(request)
        assert post["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("Answer")
        assert set(post["responses"]) == {"200", "400", "401", "403", "408", "413", "415", "422", "429", "503"}
        for status in ("400", "408", "413", "415", "422", "503"):
            assert set(post["responses"][status]["content"]) == {"application/problem+json"}


COUNT = """
import asyncio, sys
from pathlib import Path
from threadpoolctl import threadpool_info
from serving.app import create_app
from serving.sqlite import SqliteStore
app = create_app(Path(sys.argv[1]), store=SqliteStore(Path(sys.argv[2])))
pools = asyncio.run(app.state.lane.run(lambda _left: threadpool_info(), seconds=60))
print(*sorted({(pool["user_api"], pool["num_threads"]) for pool in pools}))
"""


def test_answers_are_computed_by_one_thread(bundle_root: Path, tmp_path: Path) -> None:
    # in a process of its own: whoever limits OpenBLAS first in a process has the last word
    told = subprocess.run(
        [sys.executable, "-c", COUNT, str(bundle_root), str(tmp_path / "state")],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split("\n")[0] == "('blas', 1) ('openmp', 1)"


def test_no_bundle_no_service(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"Expected a bundle at .*current, found no manifest\.json"):
        create_app(tmp_path, store=SqliteStore(tmp_path / "state"))


def test_many_at_once_get_what_each_gets_alone(bundle_root: Path, tmp_path: Path) -> None:
    limits = Limits(answers=20, deadline_ms=60_000)
    app = create_app(bundle_root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end, limits=limits)
    users = [f"u{n:05d}" for n in range(20)]

    async def ask(together: int) -> list[list[dict]]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            lists = []
            for start in range(0, len(users), together):
                asked = [client.post("/v1/recommend", json={"user_id": u}) for u in users[start : start + together]]
                lists += [r.json()["items"] for r in await asyncio.gather(*asked)]
            return lists

    assert asyncio.run(ask(20)) == asyncio.run(ask(1))
