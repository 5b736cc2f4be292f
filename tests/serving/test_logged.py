"""What the endpoint answers and takes is in its log: the same lists, under the same names, each once."""

import json
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from recsys.bundle import Bundle
from recsys.data.policy_log import PolicyLog
from recsys.ranking.features import FeatureTable
from recsys.schema import DAY, moment
from serving.app import create_app
from serving.journal import Journal, LogConfig, LogError
from serving.keeping import forgotten_by
from serving.sqlite import SqliteStore
from tests.serving.conftest import eventually
from tests.serving.doomed import started

HOUR = DAY // 24
ALL = LogConfig(candidates=1, features=1)


def served(
    bundle_root: Path, folder: Path, config: LogConfig = ALL, *, clock: Callable[[int], int] | None = None
) -> tuple[TestClient, Journal]:
    store = SqliteStore(folder / "state")
    log = Journal(folder / "log", forgotten=forgotten_by(store), config=config)
    app = create_app(bundle_root, store=store, clock=clock or Clock(), log=log)
    return TestClient(app, raise_server_exceptions=False), log


class Clock:
    """An hour after the end of the log, and a microsecond later each time it is asked."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, end: int) -> int:
        self._told += 1
        return end + HOUR + self._told


def event(bundle: Bundle, event_id: str, item_id: str, **more: object) -> dict:
    told = moment(bundle.end + HOUR - 1).isoformat()
    return {"event_id": event_id, "user_id": "ann", "item_id": item_id, "event": "click", "timestamp": told} | more


@pytest.fixture(scope="module")
def told(bundle_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict], list[dict], Path]:
    """Requests, the answers to them, and the folder of the log when the service has ended."""
    folder = tmp_path_factory.mktemp("served")
    client, _ = served(bundle_root, folder)
    ranked = [f"i{n:05d}" for n in range(30)]
    asked = [
        {"user_id": "u00001", "k": 7},
        {"user_id": "u00002", "k": 5, "filters": {"category": {"any": ["toys"]}}, "context": {"page": 'a"é'}},
        {"user_id": "nobody", "request_id": "named", "exclude_seen": True},
        {"history": [{"item_id": "i00001", "event": "click"}], "k": 3},
        {"user_id": "u00001", "filters": {"item_ids": {"allow": []}}},
        {"user_id": "u00003", "item_ids": [*ranked, "unknown"]},
    ]
    with client:
        answers = []
        for body in asked:
            got = client.post("/v1/rank" if "item_ids" in body else "/v1/recommend", json=body)
            assert got.status_code == 200
            answers.append(got.json())
    return asked, answers, folder / "log"


def test_every_list_is_in_the_log_as_it_was_answered(told: tuple[list[dict], list[dict], Path]) -> None:
    asked, answers, folder = told
    log = PolicyLog.load(folder)
    rows = log.answers.collect()
    assert rows["request_id"].n_unique() == len(asked)  # none of those that a bundle is tried on
    for body, answer in zip(asked, answers, strict=True):
        mine = rows.filter(request_id=answer["request_id"]).sort("position")
        listed = [(item["item_id"], item["rank"], item["propensity"], item["score"]) for item in answer["items"]]
        assert mine.select("item_id", "position", "propensity", "score").rows() == (listed or [(None,) * 4])
        one = mine.row(0, named=True)
        assert one["at"].isoformat() == answer["as_of"].replace("Z", "+00:00")
        assert one["user_id"] == body.get("user_id")
        assert {name: one[name] for name in ("arm", "bundle", "policy", "degraded")} == {
            name: answer[name] for name in ("arm", "bundle", "policy", "degraded")
        }
        assert (one["params"], one["seed"]) == ("{}", 0)
        request = json.loads(one["request"])
        assert request.pop("kind") == ("rank" if "item_ids" in body else "recommend")
        ignored = {"user_id", "history", "item_ids", "request_id"}
        expected = {name: value for name, value in body.items() if name not in ignored}
        assert request == ({} if "item_ids" in body else {"k": 20}) | expected


def test_candidates_are_what_the_list_was_chosen_from(
    told: tuple[list[dict], list[dict], Path], bundle: Bundle
) -> None:
    asked, answers, folder = told
    rows = {row["request_id"]: row for row in PolicyLog.load(folder).candidates.collect().iter_rows(named=True)}
    for body, answer in zip(asked, answers, strict=True):
        row, listed = rows[answer["request_id"]], answer["items"]
        n = len(listed)
        assert (row["item_ids"][:n], row["scores"][:n]) == (
            [i["item_id"] for i in listed],
            [i["score"] for i in listed],
        )
        assert row["scores"] == sorted(row["scores"], reverse=True)
        assert row["user_id"] == body.get("user_id")
        assert (len(row["item_ids"]) > n) == ("item_ids" not in body and n > 0)
    as_of = int(np.datetime64(answers[0]["as_of"].removesuffix("Z"), "us").astype(np.int64))
    again = bundle.recommender.scored(bundle.histories(["u00001"]), as_of=as_of)
    assert rows[answers[0]["request_id"]]["item_ids"] == bundle.catalog.vocabulary.decode(again.item_idx)


def test_features_are_those_that_the_scores_were_made_of(
    told: tuple[list[dict], list[dict], Path], bundle: Bundle
) -> None:
    _, answers, folder = told
    rows, ranker = PolicyLog.load(folder).features.collect(), bundle.recommender.ranker
    assert ranker is not None
    for answer in answers:
        mine = rows.filter(request_id=answer["request_id"])
        assert mine["item_id"].to_list() == [item["item_id"] for item in answer["items"]]
        values = mine.select(ranker.features).to_numpy()
        scores = [item["score"] for item in answer["items"]]
        table = FeatureTable(
            names=ranker.features,
            values=np.where(np.isnan(values), np.nan, values).astype(np.float32),
            indptr=np.array([0, len(values)]),
            item_idx=bundle.catalog.vocabulary.encode(mine["item_id"]),
        )
        np.testing.assert_array_equal(ranker.score(table) if scores else [], np.array(scores, np.float32))


def test_the_list_is_the_same_whether_its_candidates_are_logged_or_not(ruled_root: Path, tmp_path: Path) -> None:
    lists = []
    for share in (0, 1):
        folder = tmp_path / str(share)
        folder.mkdir()
        config = LogConfig(candidates=share, features=share)
        client, _ = served(ruled_root, folder, config, clock=lambda end: end + HOUR)
        with client:
            bodies = [{"user_id": f"u{n:05d}", "k": 12, "request_id": str(n)} for n in range(30)]
            lists.append([client.post("/v1/recommend", json=body).json() for body in bodies])
    assert lists[0] == lists[1]


def test_an_event_is_logged_once_however_often_it_is_posted(bundle_root: Path, tmp_path: Path, bundle: Bundle) -> None:
    client, _ = served(bundle_root, tmp_path, clock=lambda end: end + HOUR)
    one = event(bundle, "e1", 'no item "é\u2028', value=2.5, request_id="r")
    with client:
        for _ in range(2):
            assert client.post("/v1/events", json={"events": [one]}).status_code == 200
        refused = client.post("/v1/events", json={"events": [one | {"item_id": "i00001"}]})
        assert refused.status_code == 409
    (row,) = PolicyLog.load(tmp_path / "log").events.collect().iter_rows(named=True)
    told = one | {"posted": moment(bundle.end + HOUR)}
    assert row | {"timestamp": row["timestamp"].isoformat()} == told


class Full:
    """A log that takes nothing."""

    config = ALL

    def append(self, line: bytes) -> None:
        raise LogError("The policy log in /secret takes no more.")

    def tick(self) -> None: ...
    def stop(self) -> None:
        pass

    def close(self) -> None: ...


def test_an_answer_without_a_log_says_so_and_an_event_is_not_acknowledged(
    bundle_root: Path, tmp_path: Path, bundle: Bundle
) -> None:
    app = create_app(bundle_root, store=SqliteStore(tmp_path / "state"), clock=Clock(), log=Full())
    with TestClient(app, raise_server_exceptions=False) as client:
        got = client.post("/v1/recommend", json={"user_id": "u00001"}).json()
        assert (got["degraded"], len(got["items"])) == (["log"], 20)
        got = client.post("/v1/rank", json={"user_id": "u00001", "item_ids": ["i00001"]}).json()
        assert (got["degraded"], len(got["items"])) == (["log"], 1)
        refused = client.post("/v1/events", json={"events": [event(bundle, "e1", "i00001")]})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["detail"] == "The log takes nothing right now, nothing is acknowledged; try again."


def test_a_user_who_is_deleted_is_in_no_file_of_the_log(bundle_root: Path, tmp_path: Path, bundle: Bundle) -> None:
    client, log = served(bundle_root, tmp_path)
    name = f"ann-{uuid.uuid4()}"
    with client:
        for user in (name, "bob"):
            client.post("/v1/recommend", json={"user_id": user, "context": {"who": user}})
            client.post("/v1/events", json={"events": [event(bundle, f"e-{user}", "i00001", user_id=user)]})
        with log._keeping:
            log._rotate()
        log.tick()
        client.post("/v1/recommend", json={"user_id": name})
        assert client.delete(f"/v1/users/{name}").json() == {"user_id": name, "erased": 1}
        for path in (tmp_path / "log").rglob("*"):
            assert path.is_dir() or name.encode() not in path.read_bytes(), path
        client.post("/v1/recommend", json={"user_id": name, "request_id": "afterwards", "k": 1})
    found = PolicyLog.load(tmp_path / "log")
    assert found.answers.filter(user_id=name).collect()["request_id"].to_list() == ["afterwards"]
    assert (
        found.candidates.filter(user_id=name).collect().height == found.features.filter(user_id=name).collect().height
    )
    assert found.events.collect()["user_id"].to_list() == ["bob"]
    assert found.answers.filter(user_id="bob").collect().height == 20


def asked_until_killed(url: str, name: str, at: str, answers: dict[str, list[str]], events: set[str]) -> None:
    with httpx.Client(base_url=url, timeout=30) as client:
        for n in range(10**6):
            try:
                got = client.post("/v1/recommend", json={"user_id": "u00001", "k": 3, "request_id": f"{name}-{n}"})
                assert got.json()["degraded"] == []
                answers[f"{name}-{n}"] = [item["item_id"] for item in got.json()["items"]]
                told = {"event_id": f"{name}-{n}", "user_id": "ann", "item_id": "i00001", "event": "view"}
                if client.post("/v1/events", json={"events": [told | {"timestamp": at}]}).status_code == 200:
                    events.add(told["event_id"])
            except httpx.TransportError:
                return


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, pytest.param(100, marks=pytest.mark.prove)])
def test_what_clients_received_is_in_the_log_after_kill(bundle_root: Path, tmp_path: Path, rounds: int) -> None:
    answers: dict[str, list[str]] = {}
    events: set[str] = set()
    for n in range(rounds):
        process, url = started(bundle_root, tmp_path)
        clients = [
            threading.Thread(target=asked_until_killed, args=(url, f"{n}-{c}", "2026-01-01T00:00:00Z", answers, events))
            for c in range(3)
        ]
        for client in clients:
            client.start()
        assert eventually(lambda: len(answers) > 3 * (n + 1), 60)  # noqa: B023  # asked within this round
        time.sleep(n * 37 % 100 / 100)
        process.kill()
        process.join()
        for client in clients:
            client.join()
    Journal(tmp_path / "log", forgotten=lambda _user: None).close()
    rows = PolicyLog.load(tmp_path / "log").answers.sort("position").collect()
    kept = {name[0]: part["item_id"].to_list() for name, part in rows.partition_by("request_id", as_dict=True).items()}
    assert len(answers) > 3 * rounds
    assert {name: kept.get(name) for name in answers} == answers
    logged = [name for file in (tmp_path / "log" / "events").iterdir() for name in pl.read_parquet(file)["event_id"]]
    assert len(logged) == len(set(logged))
    assert events <= set(logged)
