"""No item in too many lists, and hardly anything lost by it."""

import numpy as np
import pytest
from scipy.optimize import linprog

from recsys.ranking.exposure import limited
from recsys.ranking.selection import select
from tests.ranking.stock import book, scored

N_USERS, N_ITEMS, K = 40, 12, 4


def crowd(seed: int = 0):
    """Rows of (item, score), values (users, items): all like the first items most, each a little otherwise."""
    rng = np.random.default_rng(seed)
    taste = (np.linspace(3, 0, N_ITEMS) + rng.normal(scale=0.8, size=(N_USERS, N_ITEMS))).astype(np.float32)
    rows = [[(int(i), float(user[i])) for i in np.argsort(-user)] for user in taste]
    low, high = taste.min(axis=1, keepdims=True), taste.max(axis=1, keepdims=True)
    return rows, (taste - low) / (high - low)


def shares(lists) -> np.ndarray:
    return np.bincount(lists.item_idx, minlength=N_ITEMS) / len(lists)


def worth(lists, values) -> float:
    return sum(values[u, lists.item_idx[lists.indptr[u] : lists.indptr[u + 1]]].sum() for u in range(N_USERS))


@pytest.mark.parametrize("share", [0.4, 0.5, 0.7])
def test_the_limit_is_kept_at_hardly_more_than_the_least_loss(share):
    rows, values = crowd()
    vectors = np.eye(N_ITEMS, dtype=np.float32)
    rules = book({"exposure": {"share": share, "length": K}}, ["tea"] * N_ITEMS)
    free = select(scored(*rows), rules, vectors, k=K)
    assert shares(free).max() > 0.8
    kept = select(scored(*rows), limited(rules, scored(*rows), vectors), vectors, k=K)
    assert shares(kept).max() <= share
    # the best lists there are, by a linear program: K items for each user, each item in at most share · users lists
    each_user = np.kron(np.eye(N_USERS), np.ones(N_ITEMS))
    each_item = np.kron(np.ones(N_USERS), np.eye(N_ITEMS))
    best = -linprog(
        -values.ravel(), each_item, np.full(N_ITEMS, share * N_USERS), each_user, np.full(N_USERS, K), bounds=(0, 1)
    ).fun
    assert worth(kept, values) <= best + 1e-9
    assert best - worth(kept, values) < 0.1 * (worth(free, values) - best) + 0.02 * best


def test_prices_hold_for_others_of_the_same_crowd():
    vectors = np.eye(N_ITEMS, dtype=np.float32)
    rules = book({"exposure": {"share": 0.5, "length": K}}, ["tea"] * N_ITEMS)
    priced = limited(rules, scored(*crowd(0)[0]), vectors)
    others = select(scored(*crowd(1)[0], *crowd(2)[0], *crowd(3)[0]), priced, vectors, k=K)
    # three standard errors of a share of .5, of the 40 users behind the prices and of the 120 here
    assert shares(others).max() <= 0.5 + 3 * np.sqrt(0.25 / 40 + 0.25 / 120)
    shorter = select(scored(*crowd(0)[0]), priced, vectors, k=K - 1)
    assert shares(shorter).max() <= 0.5


def test_a_list_at_these_prices_is_one_users_own():
    rows, _ = crowd()
    vectors = np.eye(N_ITEMS, dtype=np.float32)
    rules = book({"exposure": {"share": 0.5, "length": K}, "diversity": {"strength": 0.2}}, ["tea"] * N_ITEMS)
    priced = limited(rules, scored(*rows), vectors)
    together = select(scored(*rows), priced, vectors, k=K)
    assert shares(together).max() <= 0.5
    for user, row in enumerate(rows):
        alone = select(scored(row), priced, vectors, k=K)
        part = slice(together.indptr[user], together.indptr[user + 1])
        assert alone.item_idx.tolist() == together.item_idx[part].tolist()


def test_pinned_items_pay_nothing():
    rows, _ = crowd()
    vectors = np.eye(N_ITEMS, dtype=np.float32)
    pins = {"pins": [{"item_id": "i11", "rank": 1}]}
    rules = book({"exposure": {"share": 0.5, "length": K}} | pins, ["tea"] * N_ITEMS)
    priced = limited(rules, scored(*rows, pinnable=[11]), vectors)
    assert priced.prices.per_item[11] == 0
    assert priced.doubts == ()
    found = shares(select(scored(*rows, pinnable=[11]), priced, vectors, k=K))
    assert found[11] == 1
    assert found[:11].max() <= 0.5


def test_users_who_are_all_alike_no_price_tells_apart():
    rows = [crowd()[0][0]] * N_USERS
    vectors = np.eye(N_ITEMS, dtype=np.float32)
    rules = book({"exposure": {"share": 0.5, "length": K}}, ["tea"] * N_ITEMS)
    (doubt,) = limited(rules, scored(*rows), vectors).doubts
    assert "an item is still in a share of 1 of the lists, expected at most 0.5" in doubt
