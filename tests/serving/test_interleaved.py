"""An arm that interleaves two bundles' lists: what is answered, what is logged, and what clicks on it say."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.bundle import Bundle
from recsys.data.policy_log import PolicyLog
from recsys.evaluation.interleave import preference
from recsys.evaluation.interleaved_log import InterleavedLog
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.ranking.interleaving import WAYS, Interleaved
from recsys.ranking.policy import randomness
from recsys.schema import DAY, moment
from serving.experiments import Experiment
from serving.lineup import Lineup
from serving.schemas import Facet, Filters, HistoryEvent, RankRequest, RecommendRequest
from serving.service import Service
from serving.turn import Turn, ranked, recommended
from tests.serving.test_lineup import HOUR, USERS, answered, arms, category, ids, run, served
from tests.serving.test_logged import Full

BOTH = pytest.mark.parametrize("kind", list(WAYS))
LISTS = dict.fromkeys(USERS[:12])


def mixing(kind: str, second: str) -> dict:
    return {"interleave": {"kind": kind, "bundle": second}}


def again(kind: str, rankings: list[list[str]], *, k: int, seed: int, request_id: str) -> tuple[list[str], Interleaved]:
    """By the pure function: the items, and how they came to be there."""
    names = list(dict.fromkeys([*rankings[0], *rankings[1]]))
    first, second = (np.array([names.index(name) for name in each], np.int32) for each in rankings)
    found = WAYS[kind](first, second, k=k, rng=randomness(seed, request_id))
    return [names[item] for item in found.item_idx], found


@BOTH
def test_a_list_is_made_of_both_bundles_and_the_log_tells_whose_items_are_whose(
    root: Path, tmp_path: Path, without: str, with_rules: str, kind: str
) -> None:
    with served(root, tmp_path) as client:
        plain = {user: ids(answered(client, user)) for user in LISTS}
        client.post("/v1/bundle", json={"name": with_rules})
        ruled = {user: ids(answered(client, user)) for user in LISTS}
        client.post("/v1/bundle", json={"name": without})
        run(client, arms(mixing(kind, with_rules), seed=3))
        answers = {user: answered(client, user, request_id=f"r-{user}") for user in LISTS}
        assert f'recsys_answers_total{{arm="arm0",policy="{kind}"}} 12.0' in client.get("/metrics").text
        assert answered(client, USERS[0], request_id=f"r-{USERS[0]}") == answers[USERS[0]]
    log = PolicyLog.load(tmp_path / "log")
    assert all(plain[user] != ruled[user] for user in LISTS)
    for user, got in answers.items():
        assert (got["arm"], got["policy"], got["bundle"], got["degraded"]) == ("arm0", kind, without, [])
        names, made = again(kind, [plain[user], ruled[user]], k=10, seed=3, request_id=f"r-{user}")
        chances = made.propensity.astype(np.float32).tolist()
        assert (ids(got), [item["propensity"] for item in got["items"]]) == (names, chances)
        rows = log.answers.filter(request_id=f"r-{user}").sort("position").collect()
        assert rows["item_id"].to_list() == names
        assert rows["propensity"].to_list() == chances
        assert rows["first"].to_list() == [None if np.isnan(p) else p for p in made.first.tolist()]
        assert rows.select("arm", "bundle", "policy", "seed").unique().rows() == [("arm0", without, kind, 3)]
        assert json.loads(rows["params"][0]) == {"first": without, "second": with_rules}
    assert not set(log.candidates.collect()["request_id"]) & {f"r-{user}" for user in LISTS}


def test_who_is_outside_and_plain_arms_are_answered_as_ever(root: Path, tmp_path: Path, with_rules: str) -> None:
    with served(root, tmp_path) as client:
        plain = {user: ids(answered(client, user)) for user in USERS}
        run(client, arms(mixing("team_draft", with_rules), {}, traffic=0.8, holdout=0.2))
        got = {user: answered(client, user) for user in USERS}
    assert {each["arm"] for each in got.values()} == {"arm0", "arm1", "default", "holdout"}
    for user, each in got.items():
        mixed = each["arm"] == "arm0"
        assert each["policy"] == ("team_draft" if mixed else "deterministic")
        assert mixed or (ids(each), {item["propensity"] for item in each["items"]}) == (plain[user], {1.0})
    rows = PolicyLog.load(tmp_path / "log").answers.collect()
    assert rows.filter(pl.col("first").is_not_null())["arm"].unique().to_list() == ["arm0"]


def test_given_items_are_interleaved_too(
    root: Path, tmp_path: Path, with_rules: str, without: str, bundle: Bundle
) -> None:
    few = list(bundle.catalog.vocabulary.ids[:9])
    asked = {"user_id": "u00003", "item_ids": [*few, "nothing"], "request_id": "r", "explain": True}
    with served(root, tmp_path) as client:
        lists = []
        for name in (with_rules, without):
            client.post("/v1/bundle", json={"name": name})
            lists.append(client.post("/v1/rank", json=asked).json())
        run(client, arms({"bundle": with_rules} | mixing("team_draft", without), seed=1))
        got = client.post("/v1/rank", json=asked).json()
    names, made = again("team_draft", [ids(each) for each in lists], k=9, seed=1, request_id="r")
    assert ids(got) == names
    assert sorted(names) == sorted(few)
    assert [item["propensity"] for item in got["items"]] == made.propensity.tolist()
    assert (got["bundle"], got["policy"], got["unknown_items"]) == (with_rules, "team_draft", ["nothing"])
    of_first = {item["item_id"]: item for item in lists[0]["items"]}
    for item in got["items"]:
        mine = {name: value for name, value in item.items() if name not in {"rank", "propensity"}}
        assert mine == {name: of_first[item["item_id"]].get(name) for name in mine}


def test_clicks_on_one_rankings_items_prefer_it(
    root: Path, tmp_path: Path, without: str, with_rules: str, bundle: Bundle
) -> None:
    two = (mixing("team_draft", with_rules), {"policy": {"kind": "epsilon_greedy"}})
    with served(root, tmp_path) as client:
        run(client, arms(*two, seed=5))
        answers = [answered(client, user, request_id=f"r-{user}") for user in USERS]
    firsts = PolicyLog.load(tmp_path / "log").answers.filter(pl.col("first") == 1).collect()
    when = moment(bundle.end + HOUR).isoformat()
    shared = {"event": "click", "timestamp": when}
    clicked = firsts.unique("request_id", maintain_order=True).select("request_id", "user_id", "item_id")
    clicks = [{"event_id": row["request_id"]} | row | shared for row in clicked.iter_rows(named=True)]
    other = next(each for each in answers if each["arm"] == "arm1")
    of_other = {"event_id": "other", "request_id": other["request_id"], "item_id": ids(other)[0]}
    of_other |= {"user_id": other["request_id"].removeprefix("r-")} | shared
    with served(root, tmp_path) as client:
        assert client.post("/v1/events", json={"events": [*clicks, of_other]}).status_code == 200
    log, later = PolicyLog.load(tmp_path / "log"), bundle.end + 3 * DAY
    found = InterleavedLog.of(log, as_of=later)
    assert isinstance(found, InterleavedLog), [str(each) for each in found]
    (contest,) = found.contests
    assert (contest.arm, contest.way, contest.first, contest.second) == ("arm0", "team_draft", without, with_rules)
    n = sum(each["arm"] == "arm0" for each in answers)
    assert len(contest.clicks) == n == len(clicks) > 15
    told = preference(contest.clicks, samples=200)
    assert told.outcome.mean == 1
    assert (told.wins, told.losses, told.ties) == (n, 0, 0)
    drawn = Logged.of(log, as_of=later)
    assert isinstance(drawn, Logged), [str(each) for each in drawn]
    assert (drawn.left_out.interleaved, drawn.arm.names.to_list()) == (n, ["arm1"])


def turn_of(services: tuple[Service, Service], query: RecommendRequest | RankRequest) -> Turn:
    main, other = services
    arm = mixing("team_draft", other.bundle.digest)
    lineup = Lineup(main=main).running(Experiment.model_validate(arms(arm)), {other.bundle.digest: other})
    return lineup.turn(query)


def test_a_lineup_needs_both_bundles_and_draws_of_other_arms_know_of_both(services: tuple[Service, Service]) -> None:
    main, other = services
    experiment = Experiment.model_validate(
        arms(mixing("team_draft", other.bundle.digest), {"policy": {"kind": "epsilon_greedy"}})
    )
    assert Lineup(main=main).missing(experiment) == [other.bundle.digest]
    lineup = Lineup(main=main).running(experiment, {other.bundle.digest: other})
    turns = {turn.treatment.arm: turn for user in USERS for turn in [lineup.turn(RecommendRequest(user_id=user))]}
    assert (turns["arm0"].service, turns["arm0"].second, turns["arm0"].beside) == (main, other, ())
    assert (turns["arm1"].service, turns["arm1"].second, turns["arm1"].beside) == (main, None, (other,))


def test_items_of_either_keep_what_their_list_tells_of_them(services: tuple[Service, Service]) -> None:
    query = RecommendRequest(user_id="u00003", k=1000, request_id="r", explain=True)
    lists = [service.recommend(query) for service in services]
    told = [{item.item_id: item for item in each.items} for each in lists]
    assert set(told[0]) - set(told[1])
    assert set(told[1]) - set(told[0])
    assert any(item.rules for item in told[1].values())
    got = recommended(turn_of(services, query), seconds=math.inf, lap=lambda _: None)
    assert {item.item_id for item in got.items} == set(told[0]) | set(told[1])
    for item in got.items:
        expected = told[0].get(item.item_id) or told[1][item.item_id]
        assert item.model_copy(update={"rank": 0, "propensity": 1.0}) == expected.model_copy(
            update={"rank": 0, "propensity": 1.0}
        )
    few = query.model_copy(update={"filters": Filters(category=Facet(any=("toys",)))})
    got = recommended(turn_of(services, few), seconds=math.inf, lap=lambda _: None)
    assert {category(services[0], item.item_id) for item in got.items} == {"toys"}


def test_where_the_second_list_fails_the_first_answers_alone(
    services: tuple[Service, Service], caplog: pytest.LogCaptureFixture
) -> None:
    main, other = services
    query = RecommendRequest(user_id="u00003", request_id="secret")
    turn = turn_of((main, other), query)
    broken = replace(turn, second=replace(other, breaker=None))  # type: ignore[arg-type]
    got = recommended(broken, seconds=math.inf, lap=lambda _: None)
    alone = main.recommend(query)
    assert (got.items, got.policy, got.arm, got.degraded) == (alone.items, "deterministic", "arm0", ["arms"])
    assert "A list of one ranking where there should be two: AttributeError at " in caplog.text
    assert "secret" not in caplog.text
    with pytest.raises(AttributeError):  # as in any arm
        recommended(replace(turn, service=broken.second), seconds=math.inf, lap=lambda _: None)


def test_what_either_could_not_use_is_told(services: tuple[Service, Service]) -> None:
    main, other = services
    query = RecommendRequest(user_id="u00003", request_id="r")
    turn = turn_of((main, replace(other, pace=10.0)), query)
    got = recommended(turn, seconds=20, lap=lambda _: None)
    assert (got.policy, got.degraded) == ("team_draft", ["deadline"])
    assert recommended(turn, seconds=40, lap=lambda _: None).degraded == []
    logged = replace(turn, service=replace(main, journal=Full()))  # type: ignore[arg-type]
    assert recommended(logged, seconds=math.inf, lap=lambda _: None).degraded == ["log"]


def test_items_are_unknown_that_neither_knows(services: tuple[Service, Service]) -> None:
    history = (HistoryEvent(item_id="nothing", event="click"), HistoryEvent(item_id="i00001", event="click"))
    query = RankRequest(history=history, item_ids=("i00002", "neither"), request_id="r")
    got = ranked(turn_of(services, query), seconds=math.inf, lap=lambda _: None)
    assert (got.unknown_items, [item.item_id for item in got.items]) == (["nothing", "neither"], ["i00002"])
    main, other = services
    there = main.shelves.there.copy()
    there[main.bundle.catalog.vocabulary.index["i00002"]] = False
    without_it = replace(main, shelves=replace(main.shelves, there=there))
    got = ranked(turn_of((without_it, other), query), seconds=math.inf, lap=lambda _: None)
    assert (got.unknown_items, [item.item_id for item in got.items]) == (["nothing", "neither"], ["i00002"])


def test_two_empty_lists_make_an_empty_one(services: tuple[Service, Service]) -> None:
    query = RecommendRequest(user_id="u00003", filters=Filters(category=Facet(any=("nothing",))))
    got = recommended(turn_of(services, query), seconds=math.inf, lap=lambda _: None)
    assert (got.items, got.policy, got.degraded) == ([], "team_draft", [])
