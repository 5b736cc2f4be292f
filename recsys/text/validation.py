"""How well user and item vectors find what comes next: the judge of early stopping and of the student."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from recsys.data.interactions import Histories
from recsys.errors import TrainingError
from recsys.retrieval.calibration import Calibration, Kind, fit
from recsys.retrieval.interest import InterestModel
from recsys.schema import BoolArray, DoubleArray, FloatArray, Instant, IntArray, LongArray
from recsys.text.corpus import Corpus

_USERS, _PAIRS = 2_000, 8_000_000
_K, _RECALL_K = 10, 20


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

    def pairs(self, interest: InterestModel, vectors: FloatArray) -> "ScoredPairs":
        """Every user with every text not taken before the window."""
        new = self.taken.toarray() == 0
        return ScoredPairs(
            scores=self.scores(interest, vectors)[new],
            taken=self.truth.toarray()[new] > 0,
            user=np.repeat(np.arange(len(new)), new.sum(axis=1)),
        )

    def calibrated(self, interest: InterestModel, vectors: FloatArray, kind: Kind) -> InterestModel:
        """The model with the calibration that fits the window.

        Raises:
            ShapeError: every user has taken all texts.
        """
        return interest.with_calibration(self.pairs(interest, vectors).fit(kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPairs:
    """Pairs of a validation user and a text new to the user.

    Attributes:
        scores: float32 (n,).
        taken: bool (n,), whether the user takes the text in the window.
        user: int64 (n,), row of the user.
    """

    scores: FloatArray
    taken: BoolArray
    user: LongArray

    def fit(self, kind: Kind) -> Calibration:
        """The calibration that fits them."""
        return fit(kind, self.scores[self.taken], self.scores[~self.taken])

    def crossfitted(self, kind: Kind) -> FloatArray:
        """float32 (n,): interest by a calibration fitted on other users: on those of odd rows for even ones, and back.

        Raises:
            ShapeError: fewer than two users, or users who have taken all texts.
        """
        interest = np.empty(len(self.scores), np.float32)
        for half in (self.user % 2 == 0, self.user % 2 == 1):
            others = ScoredPairs(scores=self.scores[~half], taken=self.taken[~half], user=self.user[~half])
            interest[half] = others.fit(kind).probability(self.scores[half])
        return interest


def _matrix(users: IntArray, user: IntArray, text: IntArray, n_texts: int) -> csr_array:
    row = np.searchsorted(users, user)
    known = (row < len(users)) & (users[np.minimum(row, len(users) - 1)] == user) if len(users) else row < 0
    pairs = np.unique(row[known].astype(np.int64) * n_texts + text[known])
    ones = np.ones(len(pairs), np.float32)
    return csr_array((ones, (pairs // n_texts, pairs % n_texts)), shape=(len(users), n_texts))
