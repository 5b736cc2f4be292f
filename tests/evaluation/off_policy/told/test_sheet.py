"""Scores read part by part, and what is wrong with them said by request and row."""

import polars as pl
import pytest

from recsys.errors import SchemaError
from recsys.evaluation.off_policy.told import sheet
from recsys.evaluation.off_policy.told.names import Names
from recsys.evaluation.off_policy.told.sheet import SCORES, requests_of, sheets

REQUESTS, ITEMS = Names.of(pl.Series(["r0", "r1", "r2"])), Names.of(pl.Series(["a", "b", "c"]))
GOOD = [("r2", ["c", "q", "a"], [3.0, 2.0, 1.0]), ("q", ["a"], [0.0]), ("r0", [], []), ("r1", ["b"], [5.0])]


def read(folder, rows):
    file = folder / "f.parquet"
    pl.DataFrame(rows, schema=SCORES, orient="row").write_parquet(file)
    return list(sheets(file, requests_of(file, REQUESTS), ITEMS))


def test_only_what_the_log_asks_for_is_kept(tmp_path):
    (found,) = read(tmp_path, GOOD)
    assert found.request.tolist() == [2, 0, 1]
    assert found.indptr.tolist() == [0, 3, 3, 4]
    assert found.item.tolist() == [2, -1, 0, 1]
    assert found.score.tolist() == [3, 2, 1, 5]


def test_parts_are_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(sheet, "ENTRIES", 2)
    parts = read(tmp_path, GOOD)
    assert len(parts) == 4
    assert [each.request.tolist() for each in parts] == [[2], [], [0], [1]]
    assert [n for each in parts for n in each.item.tolist()] == [2, -1, 0, 1]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("r3", ["a"], [1.0, 2.0]), "item_ids and scores of one length"),
        (("r3", None, [1.0]), "item_ids and scores of one length"),
        (("r3", None, None), "item_ids and scores of one length"),
        (("r3", ["a"], None), "item_ids and scores of one length"),
        (("r3", ["a"], [float("nan")]), "scores that are numbers"),
        (("r3", ["a"], [float("-inf")]), "scores that are numbers"),
        (("r3", ["a"], [1e39]), "scores that are numbers"),
        (("r3", ["a"], [None]), "scores that are numbers"),
        (("r3", [None], [1.0]), "an item_id for each score"),
        (("r3", ["a", "z", "z"], [1.0, 2.0, 3.0]), "each item once"),
    ],
)
@pytest.mark.parametrize("entries", [2, 10**6])
def test_what_is_wrong_is_told_by_request_and_row(tmp_path, monkeypatch, row, words, entries):
    monkeypatch.setattr(sheet, "ENTRIES", entries)
    with pytest.raises(SchemaError, match=rf"f\.parquet: expected {words}.*, got .* in request 'r3' \(row 5\); write"):
        read(tmp_path, [*GOOD, row, ("r4", ["a"], [1.0])])


def test_a_request_without_a_name_is_refused(tmp_path):
    with pytest.raises(SchemaError, match="expected a request_id in each row, got none in row 5; take that row away"):
        read(tmp_path, [*GOOD, (None, ["a"], [1.0])])


def test_a_request_that_is_told_twice_is_refused(tmp_path):
    with pytest.raises(SchemaError, match="one row for each request, got request 'q' again in row 5; keep one"):
        read(tmp_path, [*GOOD, ("q", ["b"], [1.0])])
