"""An auction on made-up demand."""

import numpy as np
import pytest

from recsys.ranking.prices import Prices

VALUE = np.array([1.0, 0.8, 0.3])


def demand(price):
    """Each item is in a share of lists that falls from its value, at price 0, by as much as the price."""
    return np.maximum(VALUE - price, 0)


def test_prices_rise_until_no_item_is_in_too_many_lists():
    found = Prices.found(demand, limit=0.4, rounds=100, exempt=np.zeros(3, np.bool_))
    # exact: 1 - .4 and .8 - .4; the last rise of an item in 1 % too many is a tenth of .05
    assert found.per_item[:2] == pytest.approx([0.6, 0.4], abs=0.005)
    assert found.per_item[2] == 0
    assert 0.395 <= found.reached <= 0.4
    assert found.meets(0.4)


def test_who_is_exempt_pays_nothing():
    found = Prices.found(demand, limit=0.4, rounds=100, exempt=np.array([True, False, False]))
    assert found.per_item[0] == 0
    assert found.reached <= 0.4


def test_rounds_end_it_and_it_says_what_was_reached():
    asked = []

    def shares(price):
        asked.append(price.tolist())
        return demand(price)

    found = Prices.found(shares, limit=0.4, rounds=3, exempt=np.zeros(3, np.bool_))
    # an item in twice as many lists as it may be pays .05 more, one nearer to the limit as much less
    second = [0, 0.05, 0.05 + 0.05 * (0.75 / 0.4 - 1)]
    assert [price[:2] for price in asked[:3]] == [pytest.approx([n * 0.05, second[n]]) for n in range(3)]
    assert len(asked) == 4
    assert found.reached == pytest.approx(1 - 3 * 0.05)
    assert not found.meets(0.4)


def test_a_limit_that_is_kept_already_costs_nothing():
    found = Prices.found(demand, limit=1.0, rounds=100, exempt=np.zeros(3, np.bool_))
    assert found.per_item.tolist() == [0, 0, 0]
    assert Prices.found(lambda price: price, limit=0.5, rounds=5, exempt=np.zeros(0, np.bool_)).reached == 0


def test_prices_are_saved(tmp_path):
    prices = Prices(per_item=np.array([0.0, 0.25]), reached=0.5)
    assert Prices.load(tmp_path, n_items=2) is None
    prices.save(tmp_path)
    loaded = Prices.load(tmp_path, n_items=2)
    assert (loaded.per_item.tolist(), loaded.reached) == ([0.0, 0.25], 0.5)
