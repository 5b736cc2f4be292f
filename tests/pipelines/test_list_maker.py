import polars as pl
import pytest

from pipelines import list_maker
from pipelines.list_maker import ListMaker, Wanted


@pytest.mark.parametrize("size", [1, 7, 60])
def test_lists_do_not_depend_on_how_many_are_made_at_once(ruled_root, monkeypatch, size):
    maker = ListMaker.load(Wanted(bundle=ruled_root / "current", k=20))
    users = ["stranger", *maker.bundle.users.ids]
    whole = maker.table(users)
    monkeypatch.setattr(list_maker, "_BLOCK", size)
    assert maker.table(users).equals(whole)
    assert whole["user_id"].n_unique() == 61


def test_nobody_gets_a_table_of_the_same_columns(bundle_root):
    maker = ListMaker.load(Wanted(bundle=bundle_root / "current", k=20))
    some, none = maker.table(maker.bundle.users.ids[:1]), maker.table([])
    assert none.schema == some.schema
    assert len(none) == 0


def test_filters_leave_what_they_name(bundle_root):
    maker = ListMaker.load(Wanted(bundle=bundle_root / "current", k=3, filters='{"item_ids": {"allow": ["i00001"]}}'))
    assert set(maker.table(maker.bundle.users.ids)["item_id"]) == {"i00001"}
    assert isinstance(maker.table(["stranger"]), pl.DataFrame)
