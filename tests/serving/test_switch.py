"""Another bundle takes the place of the one in use: between two requests, or not at all."""

import shutil
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from recsys.artifacts import point_to
from recsys.bundle import CURRENT
from recsys.schema import DAY
from serving.app import create_app
from serving.breaker import Breaker
from serving.limits import Limits
from serving.schemas import RecommendRequest
from serving.service import Service
from serving.sqlite import SqliteStore
from serving.store import StoreError, Swap
from serving.switch import Switch
from tests.serving.conftest import eventually

HOUR = DAY // 24


def served(root: Path, state: Path) -> TestClient:
    # under load a list may wait longer than is usual, and is then another one
    limits = Limits(deadline_ms=60_000)
    app = create_app(root, store=SqliteStore(state), clock=lambda end: end + HOUR, limits=limits)
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def client(root: Path, tmp_path: Path) -> Iterator[TestClient]:
    with served(root, tmp_path / "state") as client:
        yield client


def answered(client: TestClient, user: str = "u00003") -> tuple[str, list[str]]:
    got = client.post("/v1/recommend", json={"user_id": user}).json()
    return got["bundle"], [item["item_id"] for item in got["items"]]


def test_another_bundle_and_back(client: TestClient, root: Path, without: str, with_rules: str) -> None:
    before = answered(client)
    assert before[0] == without
    swapped = client.post("/v1/bundle", json={"name": with_rules})
    assert (swapped.status_code, swapped.json()["bundle"]) == (200, with_rules)
    assert client.get("/v1/bundle").json() == swapped.json()
    after = answered(client)
    assert after[0] == with_rules
    assert after[1] != before[1]
    assert (root / CURRENT).resolve().name == with_rules
    assert client.post("/v1/bundle", json={"name": without}).json()["bundle"] == without
    assert answered(client) == before


def test_current_is_what_the_link_points_to_by_now(
    client: TestClient, root: Path, without: str, with_rules: str
) -> None:
    point_to(root / CURRENT, root / with_rules)
    assert answered(client)[0] == without
    assert client.post("/v1/bundle", json={"name": CURRENT}).json()["bundle"] == with_rules


def test_a_link_that_is_gone_is_made_again(client: TestClient, root: Path, with_rules: str) -> None:
    (root / CURRENT).unlink()
    assert client.post("/v1/bundle", json={"name": CURRENT}).status_code == 404
    assert client.post("/v1/bundle", json={"name": with_rules}).status_code == 200
    assert (root / CURRENT).resolve().name == with_rules


def test_what_was_posted_stays(client: TestClient, with_rules: str) -> None:
    when = client.get("/v1/bundle").json()["end"]
    event = {"event_id": "e", "user_id": "ann", "item_id": "i00001", "event": "purchase", "timestamp": when}
    assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
    client.post("/v1/bundle", json={"name": with_rules})
    assert client.get("/v1/users/ann").json()["events"] == 1


def test_a_bundle_that_is_not_whole_changes_nothing(
    client: TestClient, root: Path, without: str, with_rules: str
) -> None:
    before = answered(client)
    (root / with_rules / "users.json").write_text("[]")
    refused = client.post("/v1/bundle", json={"name": with_rules})
    assert refused.status_code == 409
    assert "users.json was altered: sha256 is" in refused.json()["detail"]
    assert answered(client) == before
    assert (root / CURRENT).resolve().name == without


def test_a_bundle_that_cannot_answer_changes_nothing(
    client: TestClient, root: Path, without: str, with_rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = answered(client)
    tried = []

    def fails(service: Service, requests: tuple) -> None:
        tried.extend(requests)
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(Service, "warm_up", fails)
    refused = client.post("/v1/bundle", json={"name": with_rules})
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        f"Bundle {with_rules[:12]}… cannot answer (ZeroDivisionError); release it again.",
    )
    assert [request.user_id for request in tried] == ["u00003"]
    assert answered(client) == before
    assert (root / CURRENT).resolve().name == without


def test_a_request_that_was_refused_keeps_no_bundle_from_being_served(client: TestClient, with_rules: str) -> None:
    late = {"history": [{"item_id": "i00001", "event": "click", "timestamp": "2099-01-01T00:00:00Z"}]}
    assert client.post("/v1/recommend", json=late).status_code == 422
    assert client.post("/v1/bundle", json={"name": with_rules}).status_code == 200
    switch = client.app.state.switch  # type: ignore[attr-defined]
    switch.remember(RecommendRequest.model_validate(late))  # right as of another bundle's end
    assert client.post("/v1/bundle", json={"name": with_rules}).status_code == 200


@pytest.mark.parametrize("name", ["a" * 64, "../bundles", "..", ".", "/etc", "a/b", "A" * 64, "a" * 63, "current/"])
def test_a_name_that_no_bundle_has(client: TestClient, without: str, name: str) -> None:
    refused = client.post("/v1/bundle", json={"name": name})
    assert refused.status_code == 404
    assert refused.json()["detail"].startswith(f"No bundle is named {name!r}; expected 'current' or the digest of one.")
    assert answered(client)[0] == without


def test_a_link_out_of_the_folder_is_not_followed(
    client: TestClient, root: Path, with_rules: str, tmp_path: Path
) -> None:
    shutil.move(root / with_rules, tmp_path / with_rules)
    (root / CURRENT).unlink()
    (root / CURRENT).symlink_to(tmp_path / with_rules)
    assert client.post("/v1/bundle", json={"name": CURRENT}).status_code == 404


def test_two_at_once_are_one_too_many(
    client: TestClient, without: str, with_rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, load = threading.Event(), threading.Event(), Switch._loaded

    def slow(switch: Switch, directory: Path) -> Service:
        begun.set()
        assert go_on.wait(20)
        return load(switch, directory)

    monkeypatch.setattr(Switch, "_loaded", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "/v1/bundle", json={"name": with_rules})
        assert begun.wait(20)
        second = client.post("/v1/bundle", json={"name": without})
        assert answered(client)[0] == without  # nobody waits for it
        go_on.set()
        assert first.result().json()["bundle"] == with_rules
    assert second.status_code == 409
    assert second.json()["detail"] == "Another bundle is being loaded right now; try again when it is done."


def test_who_looks_for_a_moment_keeps_no_swap_out(client: TestClient, with_rules: str) -> None:
    switch: Switch = client.app.state.switch
    looking, leave = threading.Event(), threading.Event()

    def look() -> None:
        with switch._alone():
            looking.set()
            leave.wait(20)

    with ThreadPoolExecutor(2) as pool:
        looked = pool.submit(look)
        assert looking.wait(20)
        asked = pool.submit(client.post, "/v1/bundle", json={"name": with_rules})
        time.sleep(0.05)
        leave.set()
        assert asked.result().status_code == 200
        looked.result()


def test_nobody_follows_to_where_they_are(client: TestClient, with_rules: str, without: str, tmp_path: Path) -> None:
    switch: Switch = client.app.state.switch
    client.post("/v1/bundle", json={"name": with_rules})
    assert switch._news() == []
    switch._store.announce(without)  # another has, since
    switch._pass_over(with_rules)
    assert [swap.digest for swap in switch._news()] == [without]
    assert eventually(lambda: answered(client)[0] == without)


def test_workers_that_share_a_state_follow_within_a_second(
    root: Path, tmp_path: Path, without: str, with_rules: str
) -> None:
    with served(root, tmp_path / "state") as one, served(root, tmp_path / "state") as other:
        for name in (with_rules, without, with_rules):
            one.post("/v1/bundle", json={"name": name})
            until = time.monotonic() + 20  # a second where nothing else runs
            while answered(other)[0] != name:
                assert time.monotonic() < until
        assert answered(one) == answered(other)


def test_a_worker_that_cannot_follow_stays_where_it_is_and_says_so(
    root: Path, tmp_path: Path, without: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteStore(tmp_path / "state")
    switch = Switch(root, store=store, breaker=Breaker(store), clock=lambda end: end)
    store.announce("f" * 64)
    switch.follow()
    switch.follow()
    assert switch.service.bundle.digest == without
    told = [record.getMessage() for record in caplog.records if "Cannot follow" in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith(f"Cannot follow to bundle {'f' * 12}…: No bundle is named")
    switch.close()
    store.close()


def test_who_starts_where_nobody_was_told_tells_the_others(
    root: Path, tmp_path: Path, without: str, with_rules: str
) -> None:
    store = SqliteStore(tmp_path / "state")
    one, other = (Switch(root, store=store, breaker=Breaker(store), clock=lambda end: end) for _ in range(2))
    assert [swap.digest for swap in store.swaps(after=0)] == [without]
    one.follow()
    other.to(with_rules)
    point_to(root / CURRENT, root / without)  # as a process does that is killed before it can tell
    late = Switch(root, store=store, breaker=Breaker(store), clock=lambda end: end)
    assert [swap.digest for swap in store.swaps(after=0)] == [without, with_rules, without]
    for switch in (one, other):
        switch.follow()
        assert switch.service.bundle.digest == without == late.service.bundle.digest
    for switch in (one, other, late):
        switch.close()
    store.close()


def test_a_swap_that_comes_in_before_a_followers_turn_is_not_undone(
    root: Path, tmp_path: Path, without: str, with_rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(tmp_path / "state")
    switch = Switch(root, store=store, breaker=Breaker(store), clock=lambda end: end)
    store.announce(with_rules)
    store.announce(without)
    news, looks, loaded = Switch._news, count(), list[str]()

    def later(switch: Switch) -> list[Swap]:
        found = news(switch)
        if next(looks) == 0:
            loaded.append(switch.to(with_rules).bundle)  # the lock is free until it is the follower's turn
        return found

    monkeypatch.setattr(Switch, "_news", later)
    switch.follow()
    assert loaded == [with_rules]
    assert switch.service.bundle.digest == with_rules
    switch.close()
    store.close()


def test_where_the_others_cannot_be_told_nothing_is_swapped(
    root: Path, tmp_path: Path, without: str, with_rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(root, tmp_path / "state") as client:

        def fails(store: SqliteStore, digest: str) -> None:
            raise StoreError("disk I/O error")

        monkeypatch.setattr(SqliteStore, "announce", fails)
        assert client.post("/v1/bundle", json={"name": with_rules}).status_code == 503
        assert answered(client)[0] == without
        assert (root / CURRENT).resolve().name == without


def test_the_memory_of_the_old_one_is_let_go(root: Path, tmp_path: Path, with_rules: str) -> None:
    store = SqliteStore(tmp_path / "state")
    switch = Switch(root, store=store, breaker=Breaker(store), clock=lambda end: end)
    old = weakref.ref(switch.service.bundle.recommender.snapshot.items.takes)
    switch.to(with_rules)
    assert old() is None
    switch.close()
    store.close()


def swapped_under_load(root: Path, state: Path, names: list[str], *, swaps: int) -> tuple[dict[str, int], list[int]]:
    """Ask from four threads while bundles take each other's place.

    Returns:
        How often each has answered, and the pages of memory in use after each swap.
    """
    with served(root, state) as client:
        expected = {}
        for name in names:
            client.post("/v1/bundle", json={"name": name})
            expected[name] = {user: answered(client, user)[1] for user in ("u00003", "u00017")}
        counts, pages, ended = dict.fromkeys(names, 0), [], threading.Event()

        def ask(user: str) -> None:
            while not ended.is_set():
                got = client.post("/v1/recommend", json={"user_id": user})
                assert got.status_code == 200, got.text
                digest = got.json()["bundle"]
                assert [item["item_id"] for item in got.json()["items"]] == expected[digest][user]
                counts[digest] += 1

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask, user) for user in ("u00003", "u00017") * 2]
            try:
                for n in range(swaps):
                    done = client.post("/v1/bundle", json={"name": names[n % 2]})
                    assert done.status_code == 200, done.text
                    pages.append(int(Path("/proc/self/statm").read_text().split()[1]))
            finally:
                ended.set()
            for each in asking:
                each.result()
    return counts, pages


@pytest.mark.slow
def test_no_answer_fails_or_mixes_two_bundles(root: Path, tmp_path: Path, without: str, with_rules: str) -> None:
    counts, _ = swapped_under_load(root, tmp_path / "state", [with_rules, without], swaps=10)
    assert min(counts.values()) > 0


@pytest.mark.prove
def test_a_thousand_swaps_under_load(root: Path, tmp_path: Path, without: str, with_rules: str) -> None:
    counts, pages = swapped_under_load(root, tmp_path / "state", [with_rules, without], swaps=1000)
    early, late = max(pages[50:150]), max(pages[-100:])
    print(f"{sum(counts.values())} answers, none failed; memory after 1,000 swaps {late / early:.3f} of that after 100")
    assert late < 1.05 * early
