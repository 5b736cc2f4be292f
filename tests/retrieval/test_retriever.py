from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys.data.interactions import Histories
from recsys.errors import ShapeError
from recsys.retrieval.candidates import DENSE, SOURCES, Candidates
from recsys.retrieval.config import RetrievalConfig
from recsys.retrieval.retriever import Retriever
from recsys.schema import BoolArray


@pytest.fixture(scope="module")
def retriever(recommender: Any) -> Retriever:
    return recommender.retriever


@pytest.fixture(scope="module")
def histories(shop: Any) -> Histories:
    log = shop.interactions
    return log.histories(log.user_indices(), as_of=log.end)


@pytest.fixture(scope="module")
def end(shop: Any) -> int:
    return shop.interactions.end


def everything(histories: Histories, retriever: Retriever) -> BoolArray:
    return np.ones((len(histories), len(retriever.vectors)), np.bool_)


def pairs(candidates: Candidates) -> dict[tuple[int, int], tuple[int, bytes]]:
    keys = zip(candidates.rows.tolist(), candidates.item_idx.tolist(), strict=True)
    facts = zip(candidates.sources.tolist(), [row.tobytes() for row in candidates.scores], strict=True)
    return dict(zip(keys, facts, strict=True))


def with_sizes(retriever: Retriever, **sizes: int) -> Retriever:
    config = RetrievalConfig(**{**dict.fromkeys(SOURCES, 0), **sizes})  # type: ignore[arg-type]
    return replace(retriever, config=config)


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_proposes_its_highest_scores(
    source: str, retriever: Retriever, histories: Histories, end: int
) -> None:
    alone = with_sizes(retriever, **{source: 4})
    found = alone.retrieve(histories, as_of=end, allowed=everything(histories, retriever))
    all_items = [np.arange(len(retriever.vectors), dtype=np.int32)] * len(histories)
    scores = alone.score(histories, all_items, as_of=end).scores[:, SOURCES.index(source)].reshape(len(histories), -1)
    assert (found.sources == 1 << SOURCES.index(source)).all()
    for row in range(len(histories)):
        chosen = found.item_idx[found.indptr[row] : found.indptr[row + 1]]
        left = np.setdiff1d(np.arange(scores.shape[1]), chosen)
        positive = int((scores[row] > 0).sum())
        assert len(chosen) == min(4, positive)
        assert scores[row, chosen].min(initial=np.inf) >= scores[row, left].max(initial=-np.inf) or positive < 4


def test_equal_scores_are_cut_at_the_lower_item(retriever: Retriever, end: int) -> None:
    popular = np.zeros(len(retriever.vectors))
    popular[[40, 7, 21, 9, 30]] = [5, 1, 1, 1, 1]
    behaviour = replace(retriever.behaviour, popularity=popular)
    alone = with_sizes(replace(retriever, behaviour=behaviour), popular=3)
    found = alone.retrieve(Histories.empty(1), as_of=end, allowed=everything(Histories.empty(1), retriever))
    assert found.item_idx.tolist() == [7, 9, 40]


def test_candidates_are_alike_alone_and_among_many(retriever: Retriever, histories: Histories, end: int) -> None:
    together = retriever.retrieve(histories, as_of=end, allowed=everything(histories, retriever))
    for row in range(0, len(histories), 7):
        one = histories.take([row])
        alone = retriever.retrieve(one, as_of=end, allowed=everything(one, retriever))
        assert pairs(alone) == {(0, i): v for (r, i), v in pairs(together).items() if r == row}
        assert alone.best[0].tobytes() == together.best[row].tobytes()


def test_given_items_are_scored_like_proposed_ones(retriever: Retriever, histories: Histories, end: int) -> None:
    found = retriever.retrieve(histories, as_of=end, allowed=everything(histories, retriever))
    backwards = [
        found.item_idx[start:stop][::-1] for start, stop in zip(found.indptr[:-1], found.indptr[1:], strict=True)
    ]
    assert pairs(retriever.score(histories, backwards, as_of=end)) == pairs(found)


def test_nothing_is_proposed_that_is_not_allowed(retriever: Retriever, histories: Histories, end: int) -> None:
    allowed = np.random.default_rng(0).random((len(histories), len(retriever.vectors))) < 0.3
    allowed[5] = False
    found = retriever.retrieve(histories, as_of=end, allowed=allowed)
    assert allowed[found.rows, found.item_idx].all()
    assert np.diff(found.indptr)[5] == 0
    assert np.isneginf(found.best[5]).all()


def test_a_new_user_is_offered_what_is_popular(retriever: Retriever, end: int) -> None:
    found = retriever.retrieve(Histories.empty(2), as_of=end, allowed=np.ones((2, len(retriever.vectors)), np.bool_))
    assert set(found.sources.tolist()) == {1 << SOURCES.index("popular")}
    assert found.item_idx[: found.indptr[1]].tolist() == np.flatnonzero(retriever.behaviour.popularity).tolist()


def test_places_count_the_better_items(retriever: Retriever, histories: Histories, end: int) -> None:
    items = [np.arange(len(retriever.vectors), dtype=np.int32)] * len(histories)
    found = retriever.score(histories, items, as_of=end)
    for bit, name in enumerate(DENSE):
        scores = found.scores[:, bit].reshape(len(histories), -1)
        better = (scores[:, None, :] > scores[:, :, None]).sum(axis=2)
        proposed = np.minimum((scores > 0).sum(axis=1), getattr(retriever.config, name))
        assert (found.places()[:, bit].reshape(scores.shape) == np.minimum(better, proposed[:, None])).all()


def test_fused_prefers_what_several_sources_put_first(retriever: Retriever, histories: Histories, end: int) -> None:
    found = retriever.retrieve(histories, as_of=end, allowed=everything(histories, retriever))
    expected = [
        sum(1 / (20 + found.places()[pair, bit]) for bit in range(len(SOURCES)) if found.sources[pair] & 1 << bit)
        for pair in range(50)
    ]
    assert found.fused()[:50] == pytest.approx(expected)


def test_a_mask_of_another_shape_is_refused(retriever: Retriever, histories: Histories, end: int) -> None:
    with pytest.raises(ShapeError, match=r"expected `allowed` of shape \(60, 48\), got \(60, 3\)"):
        retriever.retrieve(histories, as_of=end, allowed=np.ones((len(histories), 3), np.bool_))


def test_a_loaded_retriever_proposes_the_same(
    retriever: Retriever, histories: Histories, end: int, tmp_path: Path
) -> None:
    retriever.save(tmp_path)
    loaded = Retriever.load(tmp_path, retriever.vectors)
    allowed = everything(histories, retriever)
    assert pairs(loaded.retrieve(histories, as_of=end, allowed=allowed)) == pairs(
        retriever.retrieve(histories, as_of=end, allowed=allowed)
    )


def test_in_a_large_catalogue_the_most_popular_items_alone_have_neighbours_by_text(retriever: Retriever) -> None:
    known = np.ones(len(retriever.vectors), np.bool_)
    config = retriever.config.model_copy(update={"similar_max_items": 6})
    whole = retriever.reread(retriever.vectors, retriever.interest, known=known).similar.matrix.toarray()
    few = replace(retriever, config=config).reread(retriever.vectors, retriever.interest, known=known).similar.matrix
    chosen = np.argsort(-retriever.behaviour.popularity, kind="stable")[:6]
    assert (few.toarray()[chosen] == whole[chosen]).all()
    assert few.nnz == np.count_nonzero(whole[chosen]) > 0
