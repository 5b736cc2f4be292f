"""Rows of different lengths."""

import numpy as np

from recsys.text.ragged import Ragged

ROWS = Ragged.spans(np.array([4, 0, 7]), np.array([6, 0, 10]))


def test_spans_rows_and_padding():
    assert ROWS.row.tolist() == [0, 0, 2, 2, 2]
    assert ROWS.index.tolist() == [4, 5, 7, 8, 9]
    assert ROWS.padded(ROWS.index * 10, 4).tolist() == [[40, 50, 0], [0, 0, 0], [70, 80, 90], [0, 0, 0]]
    assert ROWS.first(2).index.tolist() == [4, 5]
    assert ROWS.first(0).padded(np.zeros(0), 2).tolist() == [[0.0], [0.0]]


def test_indices_are_looked_up():
    assert ROWS.at(np.arange(10) ** 2).index.tolist() == [16, 25, 49, 64, 81]


def test_a_table_gives_what_is_not_negative():
    found = Ragged.of_table(np.array([[3, -1], [-1, -1], [0, 2]], np.int32))
    assert (found.row.tolist(), found.index.tolist()) == ([0, 2, 2], [3, 0, 2])


def test_a_sample_has_at_most_k_a_row_each_as_often_as_the_others():
    counts = np.zeros(10)
    for seed in range(600):
        part = ROWS.sample(np.random.default_rng(seed), 2)
        assert part.row.tolist() == [0, 0, 2, 2]
        counts[part.index] += 1
    assert counts[[4, 5]].tolist() == [600, 600]
    assert np.abs(counts[7:] - 400).max() < 60
