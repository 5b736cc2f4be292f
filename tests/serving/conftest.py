"""The tests' shop, served."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from recsys.artifacts import point_to
from recsys.bundle import CURRENT, Bundle
from recsys.recommender import Recommender
from recsys.retrieval.candidates import SOURCES
from recsys.schema import DAY
from serving.app import create_app
from serving.breaker import Breaker
from serving.service import Service
from serving.sqlite import SqliteStore

HOUR = DAY // 24


def fresh_store(folders: pytest.TempPathFactory) -> SqliteStore:
    return SqliteStore(folders.mktemp("state") / "state.sqlite")


@pytest.fixture
def root(bundle_root: Path, ruled_root: Path, tmp_path: Path) -> Path:
    """Both bundles in one folder; current is the one without rules."""
    return both_in(tmp_path / "bundles", bundle_root, ruled_root)


def both_in(folder: Path, bundle_root: Path, ruled_root: Path) -> Path:
    for source in (ruled_root, bundle_root):
        real = (source / CURRENT).resolve()
        shutil.copytree(real, folder / real.name)
    point_to(folder / CURRENT, folder / real.name)
    return folder


@pytest.fixture(scope="session")
def without(bundle_root: Path) -> str:
    return (bundle_root / CURRENT).resolve().name


@pytest.fixture(scope="session")
def with_rules(ruled_root: Path) -> str:
    return (ruled_root / CURRENT).resolve().name


@pytest.fixture(scope="module")
def bundle(bundle_root: Path) -> Bundle:
    return Bundle.load(bundle_root / CURRENT)


@pytest.fixture(scope="module")
def client(bundle_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The app with a clock that stands an hour after the end of the log."""
    app = create_app(bundle_root, store=fresh_store(tmp_path_factory), clock=lambda end: end + HOUR)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def ruled_bundle(ruled_root: Path) -> Bundle:
    return Bundle.load(ruled_root / CURRENT)


@pytest.fixture(scope="module")
def ruled_client(ruled_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The same app over the bundle with rules."""
    app = create_app(ruled_root, store=fresh_store(tmp_path_factory), clock=lambda end: end + HOUR)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether something holds, now or soon."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def _narrow(recommender: Recommender, **sizes: int) -> Recommender:
    """One that proposes fewer."""
    snapshot, retriever = recommender.snapshot, recommender.retriever
    config = retriever.config.model_copy(update=sizes)
    return replace(recommender, snapshot=replace(snapshot, retriever=replace(retriever, config=config)))


@pytest.fixture
def services(root: Path, tmp_path: Path, without: str, with_rules: str) -> Iterator[tuple[Service, Service]]:
    """One that proposes what is popular, and one that proposes what the texts say."""
    store = SqliteStore(tmp_path / "state")
    both = []
    for name, sizes in ((without, {"popular": 5}), (with_rules, {"text": 7})):
        one = Service.open(root / name, store=store, breaker=Breaker(store), clock=lambda end: end + HOUR)
        few = _narrow(one.bundle.recommender, **(dict.fromkeys(SOURCES, 0) | sizes))
        both.append(replace(one, bundle=replace(one.bundle, recommender=few)))
    yield both[0], both[1]
    store.close()
