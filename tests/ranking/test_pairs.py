import numpy as np

from recsys.data.interactions import Histories
from recsys.ranking.pairs import likeness
from recsys.retrieval.candidates import Candidates
from recsys.retrieval.embeddings import ItemVectors
from recsys.schema import FloatArray, IntArray
from tests.ranking.stock import unit
from tests.ranking.test_feature_list import histories, proposed

VECTORS = ItemVectors(vectors=unit(np.random.default_rng(1), 6), catalog_digest="", encoder_digest="")


def asked(items: list[list[int]]) -> Candidates:
    return proposed(np.random.default_rng(2), items)


def likest(taken: Histories, candidates: Candidates, vectors: ItemVectors = VECTORS) -> FloatArray:
    out = np.zeros((3, len(candidates.item_idx)), np.float32)
    likeness(taken, candidates, vectors, out)
    return out


def test_likeness_is_to_the_last_items_taken() -> None:
    taken = histories([[(item, item, "purchase", 1.0) for item in (5, 4, 3, 2, 1, 0)], []])
    found = likest(taken, asked([[3, 5], [2]]))
    latest: IntArray = np.array([0, 1, 2, 3, 4], np.int32)
    for place, last in enumerate((1, 3, 5)):
        expected = (VECTORS.vectors[[3, 5]] @ VECTORS.vectors[latest[:last]].T).max(axis=1)
        assert np.allclose(found[place, :2], expected, atol=1e-6)
    assert np.isnan(found[:, 2]).all()


def test_a_pair_is_as_like_alone_as_among_many() -> None:
    taken = histories([[(item, item, "purchase", 1.0) for item in (5, 4, 3)]])
    together = likest(taken, asked([[0, 1, 2, 3, 4, 5]]))
    alone = [likest(taken, asked([[item]])) for item in range(6)]
    assert np.concatenate(alone, axis=1).tobytes() == together.tobytes()


def test_items_that_were_compared_are_as_like_to_the_bit() -> None:
    for length in range(7):
        taken = histories([[(item, at, "purchase", 1.0) for at, item in enumerate((2, 5, 0, 3, 2, 1)[:length])], []])
        candidates = asked([[0, 1, 3, 4], [2]])
        found = likest(taken, candidates, VECTORS.compared())
        assert found.tobytes() == likest(taken, candidates).tobytes()
