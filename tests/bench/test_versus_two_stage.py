"""The comparison is a fair one: the same log, the same users, a list for each; and it says where it cannot be made."""

import sys
from argparse import Namespace
from pathlib import Path

import polars as pl
import pytest

from recsys.bundle import Bundle
from recsys.errors import RecsysError, UsageError
from tests.bench.versus_two_stage.__main__ import _asked, compared, drawn, taken, told
from tests.bench.versus_two_stage.ours import figures


def test_they_read_all_that_users_took(shop):
    events = taken(shop.catalog, shop.interactions)
    positives = shop.interactions.positives().events
    assert events.columns == ["user_id", "item_id", "datetime", "weight"]
    assert shop.interactions.users.encode(events["user_id"]).tolist() == positives["user_idx"].to_list()
    assert shop.catalog.vocabulary.encode(events["item_id"]).tolist() == positives["item_idx"].to_list()
    assert events["datetime"].dt.timestamp("us").to_list() == positives["at"].to_list()


def test_users_are_drawn_among_those_who_took_something_and_are_all_where_more_are_asked_for():
    events = pl.DataFrame({"user_id": ["c", "a", "c", "b"]})
    assert drawn(events, 10) == ["a", "b", "c"]
    assert drawn(events, 2) == sorted(drawn(events, 2))
    assert len(set(drawn(events, 2))) == 2


def test_ours_makes_a_list_for_each_user(bundle_root):
    users = Bundle.load(bundle_root / "current").users.ids[:9]
    found = figures(bundle_root / "current", users, k=5, repeats=2)
    assert (found["users"], found["rows"], len(found["seconds"])) == (9, 45, 2)
    assert min(found["seconds"]) > 0


def test_the_median_of_the_repeats_counts_and_no_list_may_be_missing():
    ours = {"seconds": [1.0, 9.0, 2.0], "users": 100, "rows": 500}
    theirs = {"seconds": [8.0, 8.0, 99.0], "users": 100, "rows": 400}
    found = told(ours, theirs, n=100)
    assert (found["ours users/s"], found["theirs users/s"], found["ours / theirs"]) == (50, 12.5, 4)
    with pytest.raises(
        RecsysError, match=r"^Expected lists of 100 users of theirs, got 99; they cannot be compared\.$"
    ):
        told(ours, theirs | {"users": 99}, n=100)


def test_what_cannot_run_has_a_sentence(tmp_path):
    with pytest.raises(UsageError, match=r"^Expected --python as the interpreter of an environment, found no .*none;"):
        compared(Namespace(python=tmp_path / "none", run=tmp_path))
    with pytest.raises(RecsysError, match=r"^theirs: its process ended with exit code \d+\.$"):
        _asked(sys.executable, "theirs", {"users": Path("none")})


def test_their_process_is_told_what_ours_is(tmp_path, monkeypatch):
    """With a model that stands for RecTools': it answers the users it is given, k rows each."""
    script = tmp_path / "python"
    script.write_text('#!/bin/sh\necho noise\necho "{\\"asked\\": \\"$*\\", \\"threads\\": \\"$OMP_NUM_THREADS\\"}"\n')
    script.chmod(0o755)
    found = _asked(script, "theirs", {"users": "u.txt", "k": 5}, "--new")
    assert found == {"asked": "-m tests.bench.versus_two_stage.theirs --new --users u.txt --k 5", "threads": "1"}
