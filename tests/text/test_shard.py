"""One of several workers."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from recsys.text.shard import Shard
from tests.workers import together


def shard(index, size):
    return Shard(index=index, size=size, total=lambda tensor: tensor)


@given(costs=st.lists(st.integers(1, 64), max_size=60), size=st.integers(1, 5))
def test_shares_are_disjoint_cover_everything_and_cost_alike(costs, size):
    costs = np.array(costs, np.int64)
    shares = np.array([shard(i, size).share(costs) for i in range(size)])
    assert (shares.sum(axis=0) == 1).all()
    spent = [costs[share].sum() for share in shares]
    assert max(spent) - min(spent) <= max(costs, default=0)


def test_every_worker_gets_the_rows_of_all():
    rows = torch.arange(10.0).reshape(5, 2)

    def work(shard):
        mine = shard.share(np.array([5, 4, 3, 2, 1]))
        own = rows[torch.from_numpy(mine)].requires_grad_()
        return shard.gathered(own, mine)

    for size in (1, 2, 3, 7):
        for got in together(size, work):
            assert torch.equal(got, rows)
            assert not got.requires_grad
