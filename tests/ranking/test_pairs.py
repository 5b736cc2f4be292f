import numpy as np

from recsys.ranking.pairs import LATEST, likeness
from recsys.retrieval.candidates import Candidates
from recsys.schema import IntArray
from tests.ranking.stock import unit
from tests.ranking.test_feature_list import histories, proposed

VECTORS = unit(np.random.default_rng(1), 6)


def asked(items: list[list[int]]) -> Candidates:
    return proposed(np.random.default_rng(2), items)


def test_likeness_is_to_the_last_items_taken() -> None:
    taken = histories([[(item, item, "purchase", 1.0) for item in (5, 4, 3, 2, 1, 0)], []])
    found = likeness(taken, asked([[3, 5], [2]]), VECTORS)
    latest: IntArray = np.array([0, 1, 2, 3, 4], np.int32)
    for last in range(1, LATEST + 1):
        expected = (VECTORS[[3, 5]] @ VECTORS[latest[:last]].T).max(axis=1)
        assert np.allclose(found[last - 1, :2], expected, atol=1e-6)
    assert np.isnan(found[:, 2]).all()


def test_a_pair_is_as_like_alone_as_among_many() -> None:
    taken = histories([[(item, item, "purchase", 1.0) for item in (5, 4, 3)]])
    together = likeness(taken, asked([[0, 1, 2, 3, 4, 5]]), VECTORS)
    alone = [likeness(taken, asked([[item]]), VECTORS) for item in range(6)]
    assert np.concatenate(alone, axis=1).tobytes() == together.tobytes()
