"""Names become codes of an ascending vocabulary, and back."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from recsys.evaluation.off_policy.log.labels import Labels


@given(st.lists(st.one_of(st.none(), st.text(max_size=3))))
def test_names_come_back(names):
    found = Labels.of(pl.Series(names, dtype=pl.String))
    assert found.decode().to_list() == names
    assert found.names.to_list() == sorted(set(names) - {None})
    assert (found.codes.dtype, len(found)) == (np.int32, len(names))


def test_codes_do_not_depend_on_who_came_first():
    words = pl.Categorical(pl.Categories.random())
    pl.Series(["zebra", "b", "a"], dtype=words)
    assert Labels.of(pl.Series(["b", "a", None], dtype=words)).codes.tolist() == [1, 0, -1]


def test_chosen_rows_keep_their_names():
    found = Labels.of(pl.Series(["b", "a", None, "c"])).take(np.array([2, 0]))
    assert found.decode().to_list() == [None, "b"]
