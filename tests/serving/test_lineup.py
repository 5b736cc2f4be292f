"""Arms at the endpoint: who gets which bundle and policy, what is drawn, and that all of it can be told afterwards."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from recsys.bundle import Bundle
from recsys.data.policy_log import PolicyLog
from recsys.ranking.config import PolicyConfig
from recsys.schema import DAY, moment
from serving import switch
from serving.app import create_app
from serving.experiments import Experiment
from serving.journal import Journal, LogConfig
from serving.keeping import forgotten_by
from serving.schemas import Facet, Filters, RecommendRequest
from serving.service import ARMS, Service
from serving.sqlite import SqliteStore
from serving.treatment import Treatment
from tests.serving.conftest import eventually

HOUR = DAY // 24
USERS = [f"u{n:05d}" for n in range(60)]
DRAWN = {"kind": "plackett_luce", "temperature": 0.5}
GREEDY = {"kind": "epsilon_greedy", "epsilon": 1.0}


def served(root: Path, folder: Path, clock: Callable[[int], int] | None = None) -> TestClient:
    store = SqliteStore(folder / "state")
    log = Journal(folder / "log", forgotten=forgotten_by(store), config=LogConfig(candidates=1, features=0))
    app = create_app(root, store=store, clock=clock or (lambda end: end + HOUR), log=log)
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def client(root: Path, tmp_path: Path) -> Iterator[TestClient]:
    with served(root, tmp_path) as client:
        yield client


def arms(*arms: dict, **more: object) -> dict:
    share = 1 / len(arms)
    return {"name": "first", "arms": [{"name": f"arm{n}", "share": share} | arm for n, arm in enumerate(arms)]} | more


def run(client: TestClient, experiment: dict) -> Experiment:
    got = client.put("/v1/experiment", json=experiment)
    assert got.status_code == 200, got.text
    assert client.get("/v1/experiment").json() == got.json()
    return Experiment.model_validate(got.json()["experiment"])


def answered(client: TestClient, user: str = "u00003", **more: object) -> dict:
    got = client.post("/v1/recommend", json={"user_id": user, "k": 10} | more)
    assert got.status_code == 200, got.text
    return got.json()


def ids(answer: dict) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def test_each_arm_answers_with_its_bundle_and_a_user_keeps_the_arm(
    client: TestClient, root: Path, tmp_path: Path, without: str, with_rules: str
) -> None:
    assert client.get("/v1/experiment").json() == {"experiment": None}
    plain = {user: ids(answered(client, user)) for user in USERS}
    client.post("/v1/bundle", json={"name": with_rules})
    ruled = {user: ids(answered(client, user)) for user in USERS}
    client.post("/v1/bundle", json={"name": without})
    experiment = run(client, arms({"bundle": without}, {"bundle": with_rules}))
    first = [answered(client, user) for user in USERS]
    for user, got in zip(USERS, first, strict=True):
        arm = experiment.arm(user, at=0)
        assert not isinstance(arm, str)
        assert (got["arm"], got["bundle"], got["policy"]) == (arm.name, arm.bundle, "deterministic")
        assert ids(got) == (plain if arm.bundle == without else ruled)[user]
    assert set(Counter(got["arm"] for got in first).values()) <= set(range(15, 46))
    with served(root, tmp_path) as again:  # the state says which experiment runs
        assert [answered(again, user)["arm"] for user in USERS] == [got["arm"] for got in first]
    metrics = client.get("/metrics").text
    for arm, n in Counter(got["arm"] for got in first).items():
        assert f'recsys_answers_total{{arm="{arm}",policy="deterministic"}} {float(n)}' in metrics
        assert f'recsys_arm_seconds_count{{arm="{arm}"}} {float(n)}' in metrics


def test_ranking_has_arms_too(client: TestClient, with_rules: str, bundle: Bundle) -> None:
    run(client, arms({"bundle": with_rules, "policy": DRAWN}))
    few = list(bundle.catalog.vocabulary.ids[:9])
    got = client.post("/v1/rank", json={"user_id": "u00003", "item_ids": few, "request_id": "r"}).json()
    assert (got["arm"], got["bundle"], got["policy"]) == ("arm0", with_rules, "plackett_luce")
    assert sorted(ids(got)) == sorted(few)
    assert np.prod([item["propensity"] for item in got["items"]]) < 1
    again = client.post("/v1/rank", json={"user_id": "u00003", "item_ids": few, "request_id": "r"}).json()
    assert again == got
    others = [client.post("/v1/rank", json={"user_id": "u00003", "item_ids": few}).json() for _ in range(5)]
    assert any(ids(other) != ids(got) for other in others)


def test_a_drawn_list_is_told_with_its_chances_and_can_be_drawn_again(
    root: Path, bundle: Bundle, tmp_path: Path
) -> None:
    with served(root, tmp_path) as client:
        run(client, arms({"policy": DRAWN}, seed=7))
        answers = [answered(client, request_id=f"r{n}") for n in range(5)]
        assert len({tuple(ids(answer)) for answer in answers}) > 1
        assert answered(client, request_id="r0") == answers[0]
    how = Treatment(arm="arm0", policy=PolicyConfig.model_validate(DRAWN), seed=7)
    for answer in answers:
        mine = bundle.recommender.recommend(
            bundle.histories(["u00003"]),
            k=10,
            as_of=bundle.end + HOUR,
            exploration=how.exploration(answer["request_id"]),
        )
        assert bundle.catalog.vocabulary.decode(mine.item_idx) == ids(answer)
        assert mine.propensity.tolist() == [item["propensity"] for item in answer["items"]]
        assert all(0 < chance <= 1 for chance in mine.propensity.tolist())
    log = PolicyLog.load(tmp_path / "log").answers.collect()
    rows = log.filter(request_id="r1").sort("position")
    assert rows["item_id"].to_list() == ids(answers[1])
    assert rows["propensity"].to_list() == [item["propensity"] for item in answers[1]["items"]]
    how_told = rows.select("arm", "bundle", "policy", "params", "seed").unique().rows()
    assert how_told == [("arm0", bundle.digest, "plackett_luce", '{"temperature":0.5}', 7)]


def test_users_outside_get_what_is_in_use(client: TestClient, without: str, with_rules: str) -> None:
    run(client, arms({"bundle": with_rules}, traffic=0.5, holdout=0.2))
    got = [answered(client, user) for user in USERS]
    assert {answer["arm"] for answer in got} == {"arm0", "default", "holdout"}
    assert {answer["arm"]: answer["bundle"] for answer in got} == {
        "arm0": with_rules,
        "default": without,
        "holdout": without,
    }
    told = {"history": [{"item_id": "i00001", "event": "click"}]}
    nameless = [client.post("/v1/recommend", json=told).json() for _ in range(40)]
    assert {answer["arm"] for answer in nameless} == {"arm0", "default", "holdout"}
    same = [client.post("/v1/recommend", json=told | {"request_id": "r"}).json()["arm"] for _ in range(3)]
    assert len(set(same)) == 1


def test_traffic_grows_with_time(root: Path, tmp_path: Path, bundle: Bundle) -> None:
    gone = [0]
    ramp = {"start": moment(bundle.end).isoformat(), "end": moment(bundle.end + DAY).isoformat()}
    with served(root, tmp_path, lambda end: end + gone[0]) as client:
        run(client, arms({}, ramp=ramp))
        members = []
        for gone[0] in (0, DAY // 2, DAY):
            members.append({user for user in USERS if answered(client, user)["arm"] == "arm0"})
    assert not members[0]
    assert 15 <= len(members[1]) <= 45
    assert members[1] < members[2] == set(USERS)


def test_an_experiment_that_is_ended_ends_at_once(client: TestClient, without: str, with_rules: str) -> None:
    before = answered(client)
    run(client, arms({"bundle": with_rules, "policy": DRAWN}))
    assert answered(client)["bundle"] == with_rules
    assert client.delete("/v1/experiment").json() == {"experiment": None}
    after = answered(client)
    assert (after["bundle"], after["arm"], after["policy"], ids(after)) == (
        without,
        "default",
        "deterministic",
        ids(before),
    )
    assert client.app.state.switch.lineup.others == {}  # type: ignore[attr-defined]
    assert client.delete("/v1/experiment").status_code == 200


def test_all_who_share_the_state_take_part(root: Path, tmp_path: Path, with_rules: str) -> None:
    with served(root, tmp_path) as one:
        app = create_app(root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end + HOUR)
        with TestClient(app) as other:
            experiment = run(one, arms({"bundle": with_rules}))
            assert eventually(lambda: answered(other)["arm"] == "arm0")
            assert answered(other)["bundle"] == with_rules
            assert other.get("/v1/experiment").json()["experiment"] == experiment.model_dump(mode="json")
            one.delete("/v1/experiment")
            assert eventually(lambda: answered(other)["arm"] == "default")


@pytest.mark.parametrize("change", [{"name": "a" * 65}, {"arms": []}, {"traffic": 1.5}, {"odd": 1}])
def test_what_is_no_experiment_is_refused(client: TestClient, change: dict) -> None:
    run(client, arms({}))
    before = client.get("/v1/experiment").json()
    got = client.put("/v1/experiment", json=arms({}) | change)
    assert got.status_code == 422
    assert got.headers["content-type"] == "application/problem+json"
    assert client.get("/v1/experiment").json() == before


def test_an_arm_without_a_good_bundle_changes_nothing(
    client: TestClient, root: Path, with_rules: str, tmp_path: Path
) -> None:
    run(client, arms({}))
    before = client.get("/v1/experiment").json()
    got = client.put("/v1/experiment", json=arms({"bundle": "0" * 64}))
    assert (got.status_code, got.json()["detail"]) == (
        404,
        f"No bundle is named '{'0' * 64}'; expected 'current' or the digest of one.",
    )
    manifest = root / with_rules / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-20])
    assert client.put("/v1/experiment", json=arms({"bundle": with_rules})).status_code == 409
    assert client.get("/v1/experiment").json() == before
    assert answered(client)["arm"] == "arm0"
    SqliteStore(tmp_path / "state").run_experiment(
        Experiment.model_validate(arms({"bundle": with_rules})).model_dump_json()
    )
    with served(root, tmp_path) as again:  # serves, though it cannot take part
        assert answered(again)["arm"] == "default"


def test_who_cannot_take_part_answers_outside_and_tries_again(
    client: TestClient, root: Path, with_rules: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch, "AGAIN_SECONDS", 0.3)
    run(client, arms({"policy": DRAWN}))
    (root / with_rules).rename(tmp_path / "elsewhere")
    later = Experiment.model_validate(arms({"bundle": with_rules}, name="second"))
    SqliteStore(tmp_path / "state").run_experiment(later.model_dump_json())
    assert eventually(lambda: answered(client)["arm"] == "default")  # not an arm of the one before
    assert client.get("/v1/experiment").json() == {"experiment": None}
    (tmp_path / "elsewhere").rename(root / with_rules)
    assert eventually(lambda: answered(client)["bundle"] == with_rules)


def test_what_has_ended_does_not_come_back(client: TestClient, tmp_path: Path) -> None:
    experiment = run(client, arms({}))
    clerk, store = client.app.state.switch.clerk, SqliteStore(tmp_path / "state")  # type: ignore[attr-defined]
    begun = store.running().number
    client.delete("/v1/experiment")
    clerk.run(experiment, {}, number=begun)  # as by a follower that was loading until now
    assert answered(client)["arm"] == "default"


def test_arms_keep_their_bundle_through_a_swap_and_know_every_item(
    client: TestClient, without: str, with_rules: str, bundle: Bundle
) -> None:
    run(client, arms({"bundle": without}, {"bundle": with_rules}))
    before = {user: answered(client, user)["bundle"] for user in USERS[:20]}
    client.put("/v1/items/new", json={"title": bundle.catalog.items["title"][0], "category": "curios"})
    gone = ids(answered(client))[0]
    client.delete(f"/v1/items/{gone}")
    for _ in range(2):
        for user, name in before.items():
            got = answered(client, user)
            assert got["bundle"] == name
            assert gone not in ids(got)
            assert ids(answered(client, user, filters={"category": {"any": ["curios"]}})) == ["new"]
        assert client.post("/v1/bundle", json={"name": with_rules}).status_code == 200
    client.delete("/v1/experiment")
    assert {answered(client, user)["bundle"] for user in USERS[:20]} == {with_rules}


def test_what_is_drawn_is_drawn_from_what_any_arm_proposes(services: tuple[Service, Service]) -> None:
    popular, text = services
    every = Treatment(arm="a", policy=PolicyConfig.model_validate(GREEDY))
    query = RecommendRequest(user_id="u00003", k=1000, request_id="r")
    proposed = [set(proposals(service, query)) for service in services]
    assert proposed[0] - proposed[1]
    assert proposed[1] - proposed[0]
    for one, other in ((popular, text), (text, popular)):
        got = one.recommend(query, treatment=every, beside=(other,))
        assert {item.item_id for item in got.items} == proposed[0] | proposed[1]
        chances = [item.propensity for item in got.items if "pinned" not in (item.rules or ())]
        m = len(chances)
        assert chances == pytest.approx([1 / (m - n) for n in range(m)])  # any of those that are left
        assert got.degraded == []
    few = query.model_copy(update={"filters": Filters(category=Facet(any=("toys",)))})
    got = popular.recommend(few, treatment=every, beside=(text,))
    filtered = [set(proposals(service, few)) for service in services]
    assert {item.item_id for item in got.items} == filtered[0] | filtered[1] > filtered[0]
    assert {category(popular, item.item_id) for item in got.items} == {"toys"}


def test_arms_that_cannot_propose_are_done_without(
    services: tuple[Service, Service], caplog: pytest.LogCaptureFixture
) -> None:
    popular, text = services
    every = Treatment(arm="a", policy=PolicyConfig.model_validate(GREEDY))
    query = RecommendRequest(user_id="u00003", k=1000, request_id="secret")
    broken = replace(text, breaker=None)  # type: ignore[arg-type]
    got = popular.recommend(query, treatment=every, beside=(broken,))
    assert got.degraded == [ARMS]
    assert {item.item_id for item in got.items} == set(proposals(popular, query))
    assert "A list is drawn without what other arms would propose: AttributeError at " in caplog.text
    assert "secret" not in caplog.text
    slow = replace(popular, pace=10.0)
    assert slow.recommend(query, treatment=every, beside=(text,), seconds=25).degraded == ["deadline"]
    assert slow.recommend(query, treatment=every, seconds=25).degraded == []


def proposals(service: Service, query: RecommendRequest) -> list[str]:
    found = service.asked(query).proposed(service.bundle.recommender)
    return service.bundle.catalog.vocabulary.decode(found)


def category(service: Service, item_id: str) -> str | None:
    catalog = service.bundle.catalog
    return catalog.items["category"][catalog.vocabulary.index[item_id]]
