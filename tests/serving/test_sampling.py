"""Sampled requests: the same values as at the release leave no distance, others do, and answers never wait."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from recsys.bundle import CURRENT
from serving.app import create_app
from serving.breaker import Breaker
from serving.clock import Clock
from serving.drift import LEAST
from serving.limits import Limits
from serving.sampling import WAITING, Sampler
from serving.schemas import RecommendRequest
from serving.service import Service
from serving.sqlite import SqliteStore
from serving.store import Past
from tests.serving.watched import samples, value, with_reference

ALL = 1e12
USERS = 25
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def root(bundle_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_reference(bundle_root, tmp_path_factory.mktemp("referring"), n_users=USERS)


def served(root: Path, state: Path, clock: Clock, per_minute: float) -> FastAPI:
    return create_app(root, store=SqliteStore(state), clock=clock, limits=Limits(samples_per_minute=per_minute))


def looked_at(app: FastAPI) -> dict[str, float]:
    """Ask for LEAST lists, those of the reference's users in turn; column → distance."""
    with TestClient(app) as client:
        for n in range(LEAST):
            assert client.post("/v1/recommend", json={"user_id": f"u{n % USERS:05d}"}).status_code == 200
            app.state.sampler._thread.submit(int).result()  # nothing is let go
        return {dict(labels)["column"]: n for (name, labels), n in samples(app).items() if name == "recsys_drift_psi"}


def test_lists_like_those_of_the_release_have_not_moved(root: Path, tmp_path: Path) -> None:
    app = served(root, tmp_path / "state", lambda end: end, ALL)
    distances = looked_at(app)
    ranker = app.state.switch.service.bundle.recommender.ranker
    assert set(distances) == {*ranker.features, "score"}
    assert distances == dict.fromkeys(distances, 0)
    assert value(app, "recsys_drift_lists") == LEAST
    assert value(app, "recsys_index_recall_count") == LEAST
    assert value(app, "recsys_index_recall_sum") == LEAST  # every item is looked at


def test_a_year_later_users_have_been_idle_for_longer(root: Path, tmp_path: Path) -> None:
    distances = looked_at(served(root, tmp_path / "state", lambda end: end + 365 * DAY, ALL))
    assert distances["user_idle"] > 0.25
    assert distances["item_price"] < 0.1


def test_nothing_is_looked_at_where_nobody_wants_it(root: Path, tmp_path: Path) -> None:
    app = served(root, tmp_path / "state", lambda end: end, 0)
    assert looked_at(app) == {}
    assert value(app, "recsys_drift_lists") == value(app, "recsys_index_recall_count") == 0


def test_a_bundle_without_a_reference_is_served_as_well(bundle_root: Path, tmp_path: Path) -> None:
    app = served(bundle_root, tmp_path / "state", lambda end: end, ALL)
    assert looked_at(app) == {}
    assert value(app, "recsys_index_recall_count") == LEAST


@pytest.fixture
def service(root: Path, tmp_path: Path) -> Service:
    store = SqliteStore(tmp_path / "state")
    return Service.open(root / CURRENT, store=store, breaker=Breaker(store), clock=lambda end: end)


@pytest.fixture
def found() -> list[float]:
    return []


@pytest.fixture
def sampler(found: list[float]) -> Iterator[Sampler]:
    sampler = Sampler(ALL, found_recall=found.append)
    yield sampler
    sampler.close()


def test_what_filters_leave_is_not_looked_at(sampler: Sampler, service: Service, found: list[float]) -> None:
    sampler.offer(service, RecommendRequest(user_id="u00001", filters={"price": {"max": 5.0}}))
    sampler.close()
    assert sampler.drift_of(service.bundle.digest) is None
    assert found == []


def test_only_so_many_in_a_minute(service: Service, found: list[float]) -> None:
    now = iter([0.0, 0.0, 1.0, 4.9, 5.0, 9.9, 10.0])
    sampler = Sampler(12, found_recall=found.append, ticks=lambda: next(now))
    for _ in range(6):
        sampler.offer(service, RecommendRequest(user_id="u00001"))
    sampler.close()
    assert len(found) == 3


def test_another_bundle_starts_anew(sampler: Sampler, service: Service) -> None:
    other = replace(service, bundle=replace(service.bundle, digest="other"))
    for asked in (service, service, other):
        sampler.offer(asked, RecommendRequest(user_id="u00001"))
    sampler.close()
    drift = sampler.drift_of("other")
    assert drift
    assert drift.lists == 1
    assert sampler.drift_of(service.bundle.digest) is None


def test_a_look_that_fails_is_a_line_in_the_log(
    sampler: Sampler, service: Service, found: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    broken = replace(service, clock=lambda _end: 1 // 0)
    sampler.offer(broken, RecommendRequest(user_id="u00001"))
    sampler.offer(service, RecommendRequest(user_id="u00001"))
    sampler.close()
    assert found == [1.0]
    assert "A sampled request could not be looked at" in caplog.text


class Slow:
    """A store that lets nobody read until it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.reads = 0

    def past(self, user_id: str, *, since: int) -> Past:
        self.may.wait()
        self.reads += 1
        return Past(events=(), forgotten=None)


def test_what_cannot_be_looked_at_in_time_is_let_go(service: Service) -> None:
    slow, sampler = Slow(), Sampler(ALL, found_recall=print)
    for _ in range(3 * WAITING):
        sampler.offer(replace(service, breaker=Breaker(slow)), RecommendRequest(user_id="u00001"))
    slow.may.set()
    sampler.close()
    assert slow.reads == WAITING
