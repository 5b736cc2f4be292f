import re
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pytest
from fastapi.testclient import TestClient

from pipelines import batch, partitions
from pipelines.list_maker import ListMaker, Wanted
from recsys.artifacts import read_manifest, verify
from recsys.bundle import Bundle
from recsys.errors import ArtifactError, RecsysError, UsageError
from recsys.schema import moment
from serving.app import create_app
from serving.sqlite import SqliteStore
from tests.pipelines.killed import killed


def recommend(root, out, *, users=None, since=None, k=5, filters=None, **how):
    wanted, whom = Wanted(bundle=root / "current", k=k, filters=filters), batch.Whom(users=users, since=since)
    batch.recommend(wanted, out=out, whom=whom, **how)


def files(out) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_every_known_user_gets_a_list_and_the_manifest_names_the_bundle(bundle_root, tmp_path):
    recommend(bundle_root, tmp_path / "lists", k=7)
    bundle = Bundle.load(bundle_root / "current")
    table = pl.read_parquet(tmp_path / "lists" / "*.parquet")
    assert table["user_id"].unique().sort().to_list() == sorted(bundle.users.ids)
    assert table.group_by("user_id").len()["len"].unique().to_list() == [7]
    manifest = verify(tmp_path / "lists", kind="recommendations")
    assert dict(manifest.parents) == {"bundle": bundle.digest}


def test_the_lists_do_not_depend_on_who_else_is_asked_for_and_repeat(bundle_root, tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "USERS", 7)
    recommend(bundle_root, tmp_path / "all", k=5)
    everybody = pl.read_parquet(tmp_path / "all" / "*.parquet")
    some = sorted(everybody["user_id"].unique())[3:6]
    (tmp_path / "users.txt").write_text("\n".join([*some, some[0], "", "  stranger "]))
    recommend(bundle_root, tmp_path / "some", users=tmp_path / "users.txt")
    found = pl.read_parquet(tmp_path / "some" / "*.parquet")
    assert found["user_id"].unique(maintain_order=True).to_list() == ["stranger", *some]
    same = everybody.filter(pl.col("user_id").is_in(some))
    assert found.filter(pl.col("user_id") != "stranger").equals(same)


def test_lists_with_rules_are_those_of_the_endpoint(ruled_root, tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "USERS", 7)
    recommend(ruled_root, tmp_path / "lists", k=20)
    lists = pl.read_parquet(tmp_path / "lists" / "*.parquet")
    store = SqliteStore(tmp_path / "state")
    with TestClient(create_app(ruled_root, store=store, clock=lambda end: end)) as client:
        for user in lists["user_id"].unique():
            own = lists.filter(pl.col("user_id") == user)
            items = client.post("/v1/recommend", json={"user_id": user}).json()["items"]
            assert [item["item_id"] for item in items] == own["item_id"].to_list()
            assert [item.get("rules", []) for item in items] == own["rules"].to_list()
            assert [item["score"] for item in items] == pytest.approx(own["score"].to_list(), abs=1e-5)
    assert lists["rules"].list.len().max() > 1


def test_an_earlier_result_is_replaced_but_never_anything_else(bundle_root, tmp_path):
    out = tmp_path / "lists"
    for k in (3, 4):
        recommend(bundle_root, out, k=k)
    assert pl.read_parquet(out / "*.parquet")["rank"].max() == 4
    (tmp_path / "file").write_text("precious")
    copy = shutil.copytree((bundle_root / "current").resolve(), tmp_path / "bundle")
    for other in (tmp_path / "file", copy):
        with pytest.raises(UsageError, match=r"exists and holds no lists; choose another --out"):
            recommend(bundle_root, other)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("precious")
    with pytest.raises(UsageError, match=r"home exists and holds no lists; choose another --out"):
        recommend(bundle_root, tmp_path / "home", k=3)


def test_a_missing_user_list_or_bundle_is_named(bundle_root, tmp_path):
    with pytest.raises(UsageError, match=r"Cannot read --users .*none.txt: "):
        recommend(bundle_root, tmp_path / "out", users=tmp_path / "none.txt")
    with pytest.raises(ArtifactError, match=r"Expected a bundle at .*nothing"):
        recommend(tmp_path / "nothing", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_manifest_counts_users_and_rows_and_names_the_question(bundle_root, tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "USERS", 25)
    recommend(bundle_root, tmp_path / "lists", k=7)
    config = verify(tmp_path / "lists", kind="recommendations").config
    assert {name: config[name] for name in ("k", "users", "rows", "partition", "since", "filters")} == {
        "k": 7, "users": 60, "rows": 420, "partition": 25, "since": None, "filters": None
    }  # fmt: skip
    lengths = [pl.read_parquet(path)["user_id"].n_unique() for path in sorted((tmp_path / "lists").glob("*.parquet"))]
    assert lengths == [25, 25, 10]


def test_only_users_who_did_something_since_get_a_list(bundle_root, shop, tmp_path):
    last = shop.interactions.before(shop.interactions.end).events.group_by("user_idx").agg(pl.col("at").max())
    last = last.sort("at")
    since = last["at"][40]
    changed = [shop.interactions.users.ids[i] for i in last.filter(pl.col("at") >= since)["user_idx"]]
    assert 0 < len(changed) < 60
    recommend(bundle_root, tmp_path / "all")
    recommend(bundle_root, tmp_path / "some", since=moment(since).isoformat())
    found = pl.read_parquet(tmp_path / "some" / "*.parquet")
    everybody = pl.read_parquet(tmp_path / "all" / "*.parquet")
    assert found.equals(everybody.filter(pl.col("user_id").is_in(changed)))
    assert read_manifest(tmp_path / "some", kind="recommendations").config["since"] == since
    (tmp_path / "users.txt").write_text("\n".join([changed[0], "stranger"]))
    recommend(bundle_root, tmp_path / "one", since=moment(since).isoformat(), users=tmp_path / "users.txt")
    assert pl.read_parquet(tmp_path / "one" / "*.parquet")["user_id"].unique().to_list() == [changed[0]]


def test_a_night_without_news_gives_a_table_without_rows(bundle_root, tmp_path):
    recommend(bundle_root, tmp_path / "all")
    recommend(bundle_root, tmp_path / "none", since="2199-01-01")
    nobody = pl.read_parquet(tmp_path / "none" / "*.parquet")
    assert len(nobody) == 0
    assert nobody.schema == pl.read_parquet(tmp_path / "all" / "*.parquet").schema


def test_filters_are_those_of_a_request(bundle_root, tmp_path):
    filters = '{"category": {"any": ["toys"]}}'
    recommend(bundle_root, tmp_path / "toys", filters=filters)
    found = pl.read_parquet(tmp_path / "toys" / "*.parquet")
    store = SqliteStore(tmp_path / "state")
    with TestClient(create_app(bundle_root, store=store, clock=lambda end: end)) as client:
        for user in found["user_id"].unique().sort()[:5]:
            query = {"user_id": user, "k": 5, "filters": {"category": {"any": ["toys"]}}}
            items = client.post("/v1/recommend", json=query).json()["items"]
            own = found.filter(pl.col("user_id") == user)
            assert [item["item_id"] for item in items] == own["item_id"].to_list()
    toys = Bundle.load(bundle_root / "current").catalog.items.filter(pl.col("category") == "toys")["item_id"]
    assert found["user_id"].n_unique() == 60
    assert set(found["item_id"]) <= set(toys)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"since": "soon"}, "Expected --since as a time such as \"2011-10-01T12:00Z\", got 'soon'."),
        ({"filters": "toys"}, "got 'toys': the text: Invalid JSON"),
        ({"filters": '{"colour": {}}'}, "Expected --filters as in a request"),
        ({"workers": 2}, "Expected --workers beside --engine ray alone"),
    ],
)
def test_a_question_that_cannot_be_read_has_a_sentence(bundle_root, tmp_path, asked, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        recommend(bundle_root, tmp_path / "out", **asked)
    assert list(tmp_path.iterdir()) == []


def test_progress_tells_users_a_second_and_what_was_finished_before(bundle_root, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(partitions, "USERS", 20)
    made = interrupted(bundle_root, tmp_path / "lists", monkeypatch, after=1)
    assert made == 1
    recommend(bundle_root, tmp_path / "lists")
    said = capsys.readouterr().err
    assert "1 of 3 partitions were finished before" in said
    assert re.search(r"users 40/40  0 s left  users/s [\d.e+]+", said)


def interrupted(root, out, monkeypatch, *, after) -> int:
    """Ctrl-C when so many partitions are made; how many are."""
    made, write = [], partitions.write

    def tired(*partition):
        if len(made) == after:
            raise KeyboardInterrupt
        write(*partition)
        made.append(partition)

    with monkeypatch.context() as patch:
        patch.setattr(partitions, "write", tired)
        with pytest.raises(KeyboardInterrupt):
            recommend(root, out)
    return len(made)


def test_what_was_finished_is_not_made_again(bundle_root, tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "USERS", 10)
    recommend(bundle_root, tmp_path / "straight")
    interrupted(bundle_root, tmp_path / "lists", monkeypatch, after=4)
    assert not (tmp_path / "lists").exists()
    asked, table = [], ListMaker.table

    def noted(self, users):
        asked.extend(users)
        return table(self, users)

    monkeypatch.setattr(ListMaker, "table", noted)
    recommend(bundle_root, tmp_path / "lists")
    assert asked == sorted(Bundle.load(bundle_root / "current").users.ids)[40:]
    assert files(tmp_path / "lists") == files(tmp_path / "straight")


def test_what_another_bundle_left_is_not_mixed_in(bundle_root, ruled_root, tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "USERS", 10)
    interrupted(bundle_root, tmp_path / "lists", monkeypatch, after=4)
    recommend(ruled_root, tmp_path / "lists")
    recommend(ruled_root, tmp_path / "straight")
    assert files(tmp_path / "lists") == files(tmp_path / "straight")


def survives(root: Path, folder: Path, straight: dict[str, bytes], random: np.random.Generator, n: int) -> int:
    """Kill it at some moment, go on, compare; how many times it was at work when it was killed."""
    caught = 0
    for i in range(n):
        out = folder / f"lists-{i}"
        if i % 2:  # a result of another length is to be replaced
            recommend(root, out, k=3)
        after, later = int(random.integers(0, 31)), float(random.uniform(0, 0.02))

        def so_many(out: Path = out, after: int = after) -> bool:
            return len(list(out.parent.glob(f".{out.name}.parts/*/part-*/manifest.json"))) >= after

        caught += killed(root / "current", out, size=2, when=so_many, later=later)
        recommend(root, out)
        assert files(out) == straight
        assert {path.name for path in folder.iterdir()} == {f"lists-{j}" for j in range(i + 1)}
    return caught


@pytest.mark.slow
def test_killed_at_any_moment_a_rerun_ends_with_the_same_bytes(bundle_root, tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "USERS", 2)
    recommend(bundle_root, tmp_path / "straight")
    (tmp_path / "killed").mkdir()
    n = 5
    assert survives(bundle_root, tmp_path / "killed", files(tmp_path / "straight"), np.random.default_rng(0), n) > 0


@pytest.mark.prove
def test_killed_at_twenty_moments(bundle_root, tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "USERS", 2)
    recommend(bundle_root, tmp_path / "straight")
    (tmp_path / "killed").mkdir()
    n = 20
    assert survives(bundle_root, tmp_path / "killed", files(tmp_path / "straight"), np.random.default_rng(1), n) > n / 2


@pytest.mark.ray
@pytest.mark.slow
def test_rays_actors_make_the_same_bytes_and_go_on_where_this_process_stopped(bundle_root, tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "USERS", 7)
    recommend(bundle_root, tmp_path / "local")
    interrupted(bundle_root, tmp_path / "ray", monkeypatch, after=3)
    monkeypatch.setattr(ListMaker, "table", None)  # this process makes none
    recommend(bundle_root, tmp_path / "ray", engine="ray", workers=2)
    assert files(tmp_path / "ray") == files(tmp_path / "local")
    assert {path.name for path in tmp_path.iterdir()} == {"local", "ray"}


@pytest.mark.ray
@pytest.mark.slow
def test_a_killed_actor_costs_nothing_but_time(bundle_root, tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "USERS", 1)
    recommend(bundle_root, tmp_path / "local")
    killed_ones = []

    def kill() -> None:
        while not list(tmp_path.glob(".ray.parts/*/part-*/manifest.json")):
            time.sleep(0.01)
        for process in psutil.Process().children(recursive=True):
            if process.name().startswith("ray::MapWorker") or "ray::MapWorker" in " ".join(process.cmdline()):
                process.kill()
                killed_ones.append(process.pid)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    recommend(bundle_root, tmp_path / "ray", engine="ray", workers=1)
    killer.join(30)
    assert len(killed_ones) == 1
    assert files(tmp_path / "ray") == files(tmp_path / "local")


@pytest.mark.ray
@pytest.mark.slow
def test_a_lost_node_costs_nothing_but_time(bundle_root, tmp_path, monkeypatch):
    from tests.ray_nodes import lose, nodes

    monkeypatch.setattr(partitions, "USERS", 1)
    crowd = tmp_path / "users.txt"
    crowd.write_text("\n".join(f"u{n:05d}" for n in range(200)))  # of whom the bundle knows some
    recommend(bundle_root, tmp_path / "local", users=crowd)
    made = []

    def lose_one() -> None:
        while not made:
            time.sleep(0.01)
            made.extend(tmp_path.glob(".ray.parts/*/part-*/manifest.json"))
        lose(cluster, "ray::MapWorker")
        made[:] = tmp_path.glob(".ray.parts/*/part-*/manifest.json")
        print(f"a node was lost when {len(made)} of 200 partitions were made")

    with nodes(3) as cluster:
        killer = threading.Thread(target=lose_one, daemon=True)
        killer.start()
        recommend(bundle_root, tmp_path / "ray", users=crowd, engine="ray", workers=3)
        killer.join()
        assert len(cluster.worker_nodes) == 1
    assert 0 < len(made) < 200
    assert files(tmp_path / "ray") == files(tmp_path / "local")


@pytest.mark.ray
@pytest.mark.slow
def test_an_actors_error_keeps_its_sentence(bundle_root, tmp_path, monkeypatch):
    copy = Path(shutil.copytree(bundle_root, tmp_path / "bundles", symlinks=True))
    loaded = ListMaker.load(Wanted(bundle=copy / "current", k=5))
    monkeypatch.setattr(ListMaker, "load", lambda _: loaded)  # what the driver has read is altered before an actor does
    (copy / "current" / "users.json").write_text("[]")
    with pytest.raises(RecsysError, match=r"^\S+users.json was altered: .* make or copy the bundle again\.$"):
        recommend(copy, tmp_path / "lists", engine="ray", workers=1)
    assert not (tmp_path / "lists").exists()


def test_whoever_makes_lists_is_told_the_bundle_itself_not_the_link_to_it(bundle_root, tmp_path, monkeypatch):
    told, load = [], ListMaker.load
    monkeypatch.setattr(ListMaker, "load", lambda wanted: told.append(wanted.bundle) or load(wanted))
    recommend(bundle_root, tmp_path / "lists")
    assert told == [(bundle_root / "current").resolve()]
    assert told[0].name != "current"
