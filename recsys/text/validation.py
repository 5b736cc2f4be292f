"""How well user and item vectors find what comes next: the judge of early stopping and of the student."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from recsys.data.interactions import Histories
from recsys.errors import TrainingError
from recsys.retrieval.interest import InterestModel
from recsys.schema import DoubleArray, FloatArray, Instant, IntArray
from recsys.text.corpus import Corpus

_USERS, _PAIRS = 2_000, 8_000_000
_K, _RECALL_K = 10, 20
_NEWTON_STEPS, _CONVERGED, _CLIP, _RIDGE, _LEAST_SLOPE = 25, 1e-9, 30.0, 1e-5, 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One value a user.

    Attributes:
        ndcg: float64 (n,), nDCG@10.
        recall: float64 (n,), recall@20.
    """

    ndcg: DoubleArray
    recall: DoubleArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Judging users as of the start of a corpus' validation window, and the new texts they take in it.

    Attributes:
        histories: n users' positive events before the window; items are texts.
        truth: (n, n_texts), 1 where the user takes a text in the window and has not before.
        taken: (n, n_texts), 1 where the user has taken the text before.
        as_of: start of the window.
    """

    histories: Histories
    truth: csr_array
    taken: csr_array
    as_of: Instant

    @classmethod
    def of(cls, corpus: Corpus) -> "Validation":
        """Every third user; at most 2,000, fewer where there are more than 4,000 texts.

        Raises:
            TrainingError: nobody with a history takes anything new in the window.
        """
        past = corpus.until(corpus.valid_start)
        late = corpus.judging
        users = np.intersect1d(past.user, corpus.user[late])
        histories = past.histories(users)
        truth = _matrix(users, corpus.user[late], corpus.text[late], len(corpus.texts))
        taken = _matrix(users, past.user, past.text, len(corpus.texts))
        new = csr_array(truth - truth.multiply(taken))
        new.eliminate_zeros()
        rows = np.flatnonzero(np.diff(new.indptr))
        if len(rows) == 0:
            raise TrainingError(
                f"Expected users who take something new in the validation window, got none among {len(users)} users "
                "with events on both sides of it; bring a longer log or raise finetune.valid_fraction."
            )
        most = min(_USERS, max(1, _PAIRS // len(corpus.texts)), len(rows))
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
        return cls(histories=histories.take(rows), truth=new[rows], taken=taken[rows], as_of=corpus.valid_start)

    def scores(self, interest: InterestModel, vectors: FloatArray) -> FloatArray:
        """float32 (n, n_texts), dot products."""
        return np.asarray(interest.user_vectors(self.histories, vectors, as_of=self.as_of) @ vectors.T, np.float32)

    def judge(self, interest: InterestModel, vectors: FloatArray) -> Quality:
        """nDCG@10 and recall@20 among the texts a user has not taken."""
        scores = self.scores(interest, vectors)
        scores[self.taken.nonzero()] = -np.inf
        top = np.argsort(-scores, axis=1, kind="stable")[:, :_RECALL_K]
        hits = np.take_along_axis(self.truth.toarray(), top, axis=1)
        count = np.diff(self.truth.indptr)
        discounts = 1 / np.log2(np.arange(2, _K + 2))
        best = np.cumsum(discounts)[np.minimum(count, _K) - 1]
        k = min(_K, hits.shape[1])
        return Quality(
            ndcg=(hits[:, :k] * discounts[:k]).sum(axis=1) / best,
            recall=hits.sum(axis=1) / np.minimum(count, _RECALL_K),
        )

    def calibrated(self, interest: InterestModel, vectors: FloatArray) -> InterestModel:
        """The model with slope and intercept that fit the window by logistic regression (Platt 1999).

        Texts taken and texts not taken weigh the same in all: interest .5 is a pair as typical of one as of the other.
        """
        scores = self.scores(interest, vectors).astype(np.float64)
        positive = self.truth.toarray() > 0
        negative = ~positive & ~(self.taken.toarray() > 0)
        return interest.with_calibration(*_logistic(scores[positive], scores[negative]))


def _matrix(users: IntArray, user: IntArray, text: IntArray, n_texts: int) -> csr_array:
    row = np.searchsorted(users, user)
    known = (row < len(users)) & (users[np.minimum(row, len(users) - 1)] == user) if len(users) else row < 0
    pairs = np.unique(row[known].astype(np.int64) * n_texts + text[known])
    ones = np.ones(len(pairs), np.float32)
    return csr_array((ones, (pairs // n_texts, pairs % n_texts)), shape=(len(users), n_texts))


def _logistic(positive: DoubleArray, negative: DoubleArray) -> tuple[float, float]:
    """Slope and intercept of a logistic regression with both classes weighing 1/2, by Newton's method.

    The ridge keeps separable or constant scores finite; too weak to move others.
    """
    x = np.concatenate([positive, negative])
    y = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))])
    weight = np.concatenate([np.full(len(c), 0.5 / max(len(c), 1)) for c in (positive, negative)])
    design = np.stack([x, np.ones_like(x)])
    beta = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(beta @ design, -_CLIP, _CLIP)))
        gradient = design @ (weight * (p - y)) + _RIDGE * beta
        hessian = (design * (weight * p * (1 - p))) @ design.T + _RIDGE * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        beta = beta - step
        if np.abs(step).max() < _CONVERGED:
            break
    return max(float(beta[0]), _LEAST_SLOPE), float(beta[1])
