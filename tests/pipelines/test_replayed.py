"""A bundle asked again for the lists of a log says what the service said."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from pipelines.replayed import Replayed, answers_of, replay
from pipelines.replayed_request import Worth
from recsys.bundle import CURRENT
from recsys.data.policy_log import PolicyLog
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.ranking.config import PolicyConfig
from recsys.schema import DAY, SECOND
from serving.app import create_app
from serving.journal import Journal, LogConfig
from serving.keeping import forgotten_by
from serving.sqlite import SqliteStore
from tests.serving.conftest import eventually

HOUR = DAY // 24
LUCE = {"kind": "plackett_luce", "temperature": 0.5}
GREEDY = {"kind": "epsilon_greedy", "epsilon": 0.5}


class Clock:
    """An hour after the end of the log, and a second later each time."""

    def __init__(self) -> None:
        self.ticks = 0

    def __call__(self, end: int) -> int:
        self.ticks += 1
        return end + HOUR + self.ticks * SECOND


@pytest.fixture(scope="module")
def logged(
    bundle_root: Path, ruled_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[PolicyLog, dict[str, Path]]:
    """What two bundles said as arms, one with rules, to users who posted in between; and the bundles."""
    folder = tmp_path_factory.mktemp("logged")
    root = folder / "bundles"
    root.mkdir()
    bundles = {}
    for name, source in (("plain", bundle_root), ("ruled", ruled_root)):
        found = (source / CURRENT).resolve()
        bundles[name] = root / found.name
        bundles[name].symlink_to(found)
    (root / CURRENT).symlink_to(bundles["plain"].name)
    store = SqliteStore(folder / "state")
    log = Journal(folder / "log", forgotten=forgotten_by(store), config=LogConfig(candidates=1, features=0))
    arms = [
        {"name": name, "bundle": bundles[name].name, "policy": policy, "share": 0.5}
        for name, policy in (("plain", LUCE), ("ruled", GREEDY))
    ]
    patch = pytest.MonkeyPatch()
    patch.setattr("serving.app.COUNT_SECONDS", 3600)  # when it counts, by a clock on the wall, is in no log
    with TestClient(create_app(root, store=store, clock=Clock(), log=log)) as client:
        assert client.put("/v1/experiment", json={"name": "e", "arms": arms}).status_code == 200
        for n in range(60):
            user = {"user_id": f"u{n % 40:05d}" if n % 3 else f"new-{n % 7}"}
            answer = client.post("/v1/recommend", json=user | _more(n)).json()
            client.post("/v1/rank", json=user | {"item_ids": [f"i{i:05d}" for i in range(n % 5, 40, 3)]})
            deed = {"event_id": f"e{n}", "item_id": answer["items"][-1]["item_id"], "event": "purchase"}
            of_answer = {"timestamp": answer["as_of"], "request_id": answer["request_id"]}
            assert client.post("/v1/events", json={"events": [user | deed | of_answer]}).json()["accepted"] == 1
        client.post("/v1/recommend", json={"history": [{"item_id": "i00001", "event": "click"}], "k": 3})
        assert client.post("/v1/rank", json={"user_id": "u00001", "item_ids": ["nobody-knows"]}).json()["items"] == []
    patch.undo()
    return PolicyLog.load(folder / "log"), bundles


def _more(n: int) -> dict:
    """Filters, lengths, and what was seen, in turn."""
    filters = {"filters": {"item_ids": {"deny": ["i00003", "i00004"]}}} if n % 4 == 0 else {}
    return {"k": 3 + n % 5, "exclude_seen": n % 2 == 0} | filters


def of_log(log: PolicyLog) -> Logged:
    """All answers of the log, though what the tests call a shop is far too small to be judged by."""
    found = Logged.of(log, OffPolicyConfig(rewards={"purchase": 1.0}, window_hours=1), as_of=10**16)
    assert isinstance(found, Logged), found
    return found


def of(logged: tuple[PolicyLog, dict[str, Path]], name: str, **more: object) -> tuple[pl.DataFrame, Replayed]:
    log, bundles = logged
    answers = answers_of(of_log(log))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.replayed.COUNT_EVERY", 10**18)
        return answers, replay(bundles[name], answers, log.events.collect(), **more)


@pytest.mark.parametrize("name", ["plain", "ruled"])
def test_its_own_answers_are_as_likely_as_they_were(logged, name: str) -> None:
    every = of_log(logged[0])
    answers, found = of(logged, name)
    own = (every.arm.decode() == name).to_numpy() & answers["user_id"].is_not_null().to_numpy()
    rows = np.repeat(own, np.diff(every.indptr))
    assert rows.sum() > 200
    propensity = every.propensity
    np.testing.assert_allclose(found.probability[rows], propensity[rows], rtol=1e-4)
    assert len(np.unique(propensity[rows])) > 50
    known = found.outside[~np.isnan(found.outside)]
    assert known == pytest.approx(0, abs=1e-9)


def test_a_history_that_the_log_does_not_hold_is_not_guessed(logged) -> None:
    answers, found = of(logged, "plain")
    places = np.repeat(answers["user_id"].is_null().to_numpy(), answers["item_id"].list.len())
    assert np.isnan(found.probability).tolist() == places.tolist()
    assert np.isnan(found.outside).tolist() == answers["user_id"].is_null().to_list()


@pytest.mark.parametrize("logged_candidates", [True, False])
def test_an_answer_without_items_is_as_likely_as_can_be(logged, logged_candidates: bool) -> None:
    """Whether the log says that it was drawn from nothing, or not what it was drawn from."""
    log, bundles = logged
    answers = answers_of(of_log(log)).filter(pl.col("item_id").list.len() == 0)
    assert answers["drawn_from"].to_list() == [[]]
    asked = answers if logged_candidates else answers.with_columns(drawn_from=pl.lit(None, pl.List(pl.String)))
    worth = Worth(item_ids=[], values=np.zeros(0), others=2.0, looked=np.ones(1))
    found = replay(bundles["plain"], asked, log.events.collect(), worth=lambda _: worth)
    assert (len(found.probability), found.value.tolist()) == (0, [0])
    assert np.isnan(found.outside).tolist() == [not logged_candidates]


def test_another_policy_has_the_last_word(logged) -> None:
    _, found = of(logged, "plain", explores=PolicyConfig())
    assert set(found.probability[~np.isnan(found.probability)]) == {0.0, 1.0}


def test_what_its_lists_earn_by_a_model(logged) -> None:
    """Where nobody explores there is one list: its items, as the service would have them."""
    log, bundles = logged
    answers = answers_of(of_log(log)).filter(pl.col("user_id").is_not_null(), pl.col("item_id").list.len() > 0)
    looked = np.array([1.0, 0.5])

    def worth(n: int) -> Worth:
        first = answers["item_id"][n][0]
        return Worth(item_ids=[first, "no item"], values=np.array([8.0, 1.0]), others=2.0, looked=looked)

    found = replay(bundles["plain"], answers, log.events.collect(), explores=PolicyConfig(), worth=worth)
    ends = np.cumsum([0, *answers["item_id"].list.len()])
    for n, (start, end) in enumerate(pairwise(ends.tolist())):
        usual = 2 * (1 + 0.5 * (end - start - 1))
        if found.probability[start] == 1:  # the bundle's first is the answer's
            assert found.value[n] == pytest.approx(usual + 6)
        else:
            assert found.value[n] in {usual, usual + 6 * 0.5}
    assert len(set(found.value)) > 10
    assert np.isnan(of(logged, "plain")[1].value).all()


def test_it_tells_how_far_it_is(logged) -> None:
    seen: list[int] = []
    answers, _ = of(logged, "plain", told=seen.append)
    assert seen == list(range(1, len(answers) + 1))


def test_counters_know_what_was_posted(unranked_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no history gets what is popular, which 200 purchases change."""
    monkeypatch.setattr("pipelines.replayed.COUNT_EVERY", SECOND)

    def served() -> TestClient:
        store = SqliteStore(tmp_path / "state")
        log = Journal(tmp_path / "log", forgotten=forgotten_by(store), config=LogConfig(candidates=1, features=0))
        return TestClient(create_app(unranked_root, store=store, clock=Clock(), log=log))

    with served() as client:
        got = client.post("/v1/recommend", json={"user_id": "nobody", "k": 48}).json()
        first = got["items"]
        of_answer = {"timestamp": got["as_of"], "request_id": got["request_id"], "item_id": first[-1]["item_id"]}
        deeds = [{"event_id": f"e{n}", "user_id": f"new-{n}", "event": "purchase"} | of_answer for n in range(199)] + [
            {"event_id": "own", "user_id": "nobody", "event": "impression"} | of_answer
        ]
        client.post("/v1/events", json={"events": deeds})
        assert eventually(
            lambda: (
                client.post("/v1/recommend", json={"user_id": "nobody", "k": 1}).json()["items"][0]["item_id"]
                == first[-1]["item_id"]
            )
        )
    log = PolicyLog.load(tmp_path / "log")
    once = ["user_id", "policy", "params", "request"]
    lists = log.answers.group_by("request_id", "at").agg(pl.col(once).first(), pl.col("item_id").sort_by("position"))
    answers = lists.sort("at").with_columns(pl.col("at").dt.epoch("us"), drawn_from=None).collect()
    found = replay(unranked_root / CURRENT, answers[[0, -1]], log.events.collect())
    assert found.probability.tolist() == [1.0] * 49


@pytest.mark.parametrize("request_", [None, "{}", "[]", "nonsense", '{"kind":"recommend"}'])
def test_what_was_not_told_to_be_asked_is_not_guessed(logged, request_: str | None) -> None:
    log, bundles = logged
    answers = answers_of(of_log(log)).head(3)
    asked = answers.with_columns(request=pl.when(pl.col("row") == 1).then(pl.lit(request_)).otherwise("request"))
    found = replay(bundles["plain"], asked, log.events.collect())
    assert np.isnan(found.outside).tolist() == [False, True, False]
