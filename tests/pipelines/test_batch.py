import polars as pl
import pytest
from fastapi.testclient import TestClient

from pipelines import batch
from recsys.artifacts import verify
from recsys.bundle import Bundle
from recsys.errors import ArtifactError, UsageError
from serving.app import create_app
from serving.sqlite import SqliteStore


def test_every_known_user_gets_a_list_and_the_manifest_names_the_bundle(bundle_root, tmp_path):
    batch.recommend(bundle=bundle_root / "current", out=tmp_path / "lists", users=None, k=7)
    bundle = Bundle.load(bundle_root / "current")
    table = pl.read_parquet(tmp_path / "lists" / "*.parquet")
    assert table["user_id"].unique().sort().to_list() == sorted(bundle.users.ids)
    assert table.group_by("user_id").len()["len"].unique().to_list() == [7]
    manifest = verify(tmp_path / "lists", kind="recommendations")
    assert dict(manifest.parents) == {"bundle": bundle.digest}


def test_the_lists_do_not_depend_on_who_else_is_asked_for_and_repeat(bundle_root, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "BLOCK", 7)
    batch.recommend(bundle=bundle_root / "current", out=tmp_path / "all", users=None, k=5)
    everybody = pl.read_parquet(tmp_path / "all" / "*.parquet")
    some = sorted(everybody["user_id"].unique())[3:6]
    (tmp_path / "users.txt").write_text("\n".join([*some, some[0], "", "  stranger "]))
    batch.recommend(bundle=bundle_root / "current", out=tmp_path / "some", users=tmp_path / "users.txt", k=5)
    found = pl.read_parquet(tmp_path / "some" / "*.parquet")
    assert found["user_id"].unique(maintain_order=True).to_list() == [*some, "stranger"]
    same = everybody.filter(pl.col("user_id").is_in(some))
    assert found.filter(pl.col("user_id") != "stranger").equals(same)


def test_lists_with_rules_are_those_of_the_endpoint(ruled_root, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "BLOCK", 7)
    batch.recommend(bundle=ruled_root / "current", out=tmp_path / "lists", users=None, k=20)
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
        batch.recommend(bundle=bundle_root / "current", out=out, users=None, k=k)
    assert pl.read_parquet(out / "*.parquet")["rank"].max() == 4
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("precious")
    with pytest.raises(UsageError, match=r"home exists and holds no lists; choose another --out"):
        batch.recommend(bundle=bundle_root / "current", out=tmp_path / "home", users=None, k=3)


def test_a_missing_user_list_or_bundle_is_named(bundle_root, tmp_path):
    with pytest.raises(UsageError, match=r"Cannot read --users .*none.txt: "):
        batch.recommend(bundle=bundle_root / "current", out=tmp_path / "out", users=tmp_path / "none.txt", k=3)
    with pytest.raises(ArtifactError, match=r"Expected a bundle at .*nothing"):
        batch.recommend(bundle=tmp_path / "nothing", out=tmp_path / "out", users=None, k=3)
    assert not (tmp_path / "out").exists()
