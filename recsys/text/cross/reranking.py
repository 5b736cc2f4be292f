"""Whether a cross-encoder orders a two-tower teacher's best candidates better than the teacher itself."""

from dataclasses import dataclass

import numpy as np

from recsys.data.interactions import Histories
from recsys.errors import TrainingError
from recsys.schema import BoolArray, DoubleArray, FloatArray, IntArray, LongArray, Progress
from recsys.text.corpus import Corpus
from recsys.text.cross.cross_encoder import CrossEncoder
from recsys.text.cross.slates import spread
from recsys.text.cross.two_tower import TwoTower
from recsys.text.validation import Validation

_K = 10
_USERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranking:
    """nDCG@10 of the same candidates in several orders, one value a user.

    Attributes:
        two_tower: float64 (n,), as the two-tower teacher has them.
        cross_encoder: by the cross-encoder.
        both: by the sum of the two scores, each standardised within the user's candidates.
        best: in the best order there is.
    """

    two_tower: DoubleArray
    cross_encoder: DoubleArray
    both: DoubleArray
    best: DoubleArray


def rerank(
    model: CrossEncoder, corpus: Corpus, two_tower: TwoTower, *, users: int, k: int, progress: Progress
) -> Reranking:
    """Judge on the corpus' validation window, over users who did not stop the training early.

    Args:
        model: trained with the same corpus.
        corpus: what was known at encoder_end.
        two_tower: proposes the candidates.
        users: at most so many.
        k: candidates a user, the best texts not taken before.
        progress: called after every few users.

    Raises:
        TrainingError: every user of the window judged the training.
    """
    validation = Validation.of(corpus)
    n = len(validation.histories)
    free = np.setdiff1d(np.arange(n), spread(n, model.config.judges))
    if len(free) == 0:
        raise TrainingError(
            f"Expected more than {model.config.judges} users in the validation window, got {n}; lower judges."
        )
    rows = free[spread(len(free), users)]
    scores = validation.scores(two_tower.interest, two_tower.vectors)[rows]
    scores[validation.taken[rows].nonzero()] = -np.inf
    top = np.argsort(-scores, axis=1, kind="stable")[:, : min(k, _fewest(scores))].astype(np.int32)
    first = np.take_along_axis(scores, top, axis=1)
    second = scored(model, corpus, validation.histories.take(rows), top, progress)
    truth = validation.truth[rows].toarray() > 0
    hits, count = np.take_along_axis(truth, top, axis=1), truth.sum(axis=1)
    orders = (first, second, _standard(first) + _standard(second), hits.astype(np.float32))
    names = Reranking.__slots__
    return Reranking(**{name: _ndcg(order, hits, count) for name, order in zip(names, orders, strict=True)})


def _fewest(scores: FloatArray) -> int:
    """How many texts every user has left."""
    return int(np.isfinite(scores).sum(axis=1).min())


def scored(
    model: CrossEncoder, corpus: Corpus, histories: Histories, candidates: LongArray | IntArray, progress: Progress
) -> FloatArray:
    """A cross-encoder's scores of texts of a corpus.

    Args:
        model: scores.
        corpus: whose texts are meant.
        histories: of n users; items are texts.
        candidates: (n, k), texts.
        progress: called after every few users.

    Returns:
        float32 (n, k), to be compared within a user.
    """
    found = []
    for start, part in histories.last(model.config.history_items).blocks(_USERS):
        known = [[corpus.texts[t] for t in row] for row in np.split(part.item_idx, part.indptr[1:-1])]
        texts = [[corpus.texts[t] for t in row] for row in candidates[start : start + _USERS]]
        found.append(model.score(known, texts))
        progress(start + len(part), len(histories), {})
    return np.concatenate(found)


def _standard(scores: FloatArray) -> FloatArray:
    centred = scores - scores.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9), np.float32)


def _ndcg(scores: FloatArray, hits: BoolArray, count: LongArray) -> DoubleArray:
    """nDCG@10 of the candidates by these scores; `count` texts are to be found, in the candidates or not."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :_K]
    discounts = 1 / np.log2(np.arange(2, _K + 2))
    gains = (np.take_along_axis(hits, order, axis=1) * discounts[: order.shape[1]]).sum(axis=1)
    return np.asarray(gains / np.cumsum(discounts)[np.minimum(count, _K) - 1], np.float64)
