from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from recsys.errors import ArtifactError
from recsys.retrieval.peers import Peers

TAKEN = np.array([[1, 1, 0, 0, 1], [1, 0, 1, 0, 1], [0, 0, 1, 1, 1], [0, 1, 1, 0, 1]], np.float32)


def naive(query: np.ndarray, n: int) -> np.ndarray:
    rarity = np.log(len(TAKEN) / TAKEN.sum(axis=0))
    a, b = query * rarity, TAKEN * rarity
    cosine = b @ a / np.linalg.norm(b, axis=1) / max(np.linalg.norm(a), 1e-9)
    nearest = np.argsort(-cosine, kind="stable")[:n]
    return cosine[nearest] @ TAKEN[nearest]


@pytest.mark.parametrize("n", [1, 2, 9])
def test_scores_are_the_likeness_of_the_nearest_who_took_the_item(n: int) -> None:
    queries = np.array([[1, 1, 0, 0, 0], [0, 0, 0, 1, 1]], np.float32)
    got = Peers.of(csr_array(TAKEN)).scores(csr_array(queries), n)
    assert got == pytest.approx(np.stack([naive(query, n) for query in queries]), abs=1e-6)


def test_what_everybody_took_makes_no_peers() -> None:
    alone = csr_array(np.array([[0, 0, 0, 0, 1]], np.float32))
    assert not Peers.of(csr_array(TAKEN)).scores(alone, 5).any()


def test_loaded_peers_are_equal_and_must_fit_the_catalogue(tmp_path: Path) -> None:
    peers = Peers.of(csr_array(TAKEN))
    peers.save(tmp_path)
    loaded = Peers.load(tmp_path, 5)
    query = csr_array(TAKEN[:1])
    assert loaded.scores(query, 2).tobytes() == peers.scores(query, 2).tobytes()
    with pytest.raises(ArtifactError, match="do not form a matrix of any x 4; make it again"):
        Peers.load(tmp_path, 4)
