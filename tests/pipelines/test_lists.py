from dataclasses import replace

import numpy as np

from pipelines import lists
from recsys.data.vocabulary import Vocabulary
from recsys.ranking.recommendations import Recommendations

FOUND = Recommendations(
    indptr=np.array([0, 2, 2, 3]),
    item_idx=np.array([1, 0, 2], np.int32),
    score=np.array([0.5, 0.25, 7.0], np.float32),
    interest=np.array([0.9, 0.1, 0.5], np.float32),
    probability=np.array([0.25, np.nan, 0.125], np.float32),
    propensity=np.ones(3, np.float32),
    sources=np.array([0b001, 0b101, 0b010], np.uint16),
    rules=np.array([0b10, 0b11, 0], np.uint64),
    source_names=("cosine", "ease", "text"),
    rule_names=("pinned", "boosted: brand x"),
)
ITEMS = Vocabulary.ordered(["a", "b", "c"])


def test_a_table_has_a_row_for_each_item_ranked_from_one():
    table = lists.table(FOUND, ["u", "v", "w"], ITEMS)
    assert table.select("user_id", "item_id", "rank", "score", "sources").rows() == [
        ("u", "b", 1, 0.5, ["cosine"]),
        ("u", "a", 2, 0.25, ["cosine", "text"]),
        ("w", "c", 1, 7.0, ["ease"]),
    ]
    types = {"rank": "Int32", "score": "Float32", "interest": "Float32", "probability": "Float32"}
    assert {name: str(table[name].dtype) for name in types} == types
    assert table["probability"].to_list() == [0.25, None, 0.125]
    assert table["rules"].to_list() == [["boosted: brand x"], ["pinned", "boosted: brand x"], []]


def test_without_rules_and_without_rows_a_table_has_the_same_columns():
    plain = lists.table(replace(FOUND, rule_names=(), rules=np.zeros(3, np.uint64)), ["u", "v", "w"], ITEMS)
    assert plain["rules"].to_list() == [[], [], []]
    nothing = lists.table(Recommendations.concat([]), [], ITEMS)
    assert nothing.schema == plain.schema == lists.table(FOUND, ["u", "v", "w"], ITEMS).schema


def test_sources_that_come_again_are_told_again():
    sources = np.array([0b111, 0, 0b111], np.uint16)
    told = lists.table(replace(FOUND, sources=sources), ["u", "v", "w"], ITEMS)["sources"]
    assert told.to_list() == [["cosine", "ease", "text"], [], ["cosine", "ease", "text"]]


def test_a_matrix_picks_users_cuts_and_pads():
    assert lists.matrix(FOUND, np.array([2, 0, 1]), 1).tolist() == [[2], [1], [-1]]
    assert lists.matrix(FOUND, np.array([0]), 3).tolist() == [[1, 0, -1]]


def test_stored_lists_come_back_in_the_order_of_the_users_asked(tmp_path):
    lists.table(FOUND, ["u", "v", "w"], ITEMS).write_parquet(tmp_path / "part-00000.parquet")
    assert lists.stored(tmp_path, ["w", "v", "u"], ITEMS, 2).tolist() == [[2, -1], [-1, -1], [1, 0]]
    assert lists.stored(tmp_path, ["u"], ITEMS, 1).tolist() == [[1]]
