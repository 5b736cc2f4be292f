"""Names of a file as the numbers that a log has for them."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from recsys.evaluation.off_policy.told.names import Names


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.none() | st.sampled_from("abcdefgh")))
def test_each_is_found_where_it_was_given(names, column):
    known = Names.of(pl.Series(names, dtype=pl.String))
    expected = [names.index(name) if name in names else -1 for name in column]
    texts = pl.Series(column, dtype=pl.String)
    assert known.find(texts).tolist() == expected
    assert known.find(texts.cast(known.words)).tolist() == expected


def test_two_lots_of_names_do_not_know_each_other():
    """Categories are forgotten with their last column: another that came between would take their numbers."""
    one, other = Names.of(pl.Series(["a", "b", "c"])), Names.of(pl.Series(["c", "b", "a"]))
    assert other.find(pl.Series(["a", "c"])).tolist() == [2, 0]
    assert one.find(pl.Series(["c", "x", "a"])).tolist() == [2, -1, 0]


def test_null_is_no_name():
    assert Names.of(pl.Series(["a", None, "b"])).find(pl.Series(["b", None, "a"])).tolist() == [2, -1, 0]
