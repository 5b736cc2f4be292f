"""Even weights, equal bins."""

import numpy as np
import pytest

from recsys.retrieval.balance import balance, bins


def test_bins_share_the_weight_and_keep_equal_values_together():
    x = np.array([5.0, 1.0, 2.0, 1.0, 3.0, 4.0])
    assert bins(x, np.full(6, 1 / 6), 3).tolist() == [2, 0, 1, 0, 1, 2]
    assert bins(np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.25, 0.25]), 2).tolist() == [0, 1, 1]
    assert bins(np.ones(4), np.full(4, 0.25), 3).tolist() == [0, 0, 0, 0]


def test_balance():
    assert balance(np.array([1.0, 0, 0, 0, 0])) == pytest.approx([1 / 2] + [1 / 8] * 4)
