"""A cross-encoder as teacher: its scores of the texts nearest to some users, asked for once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recsys.schema import IntArray, LongArray, Progress
from recsys.text.corpus import Corpus
from recsys.text.cross.cross_encoder import CrossEncoder
from recsys.text.cross.reranking import scored
from recsys.text.cross.slates import spread
from recsys.text.cross.two_tower import TwoTower
from recsys.text.distill.config import CrossTeacherConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class JointScores:
    """U users with K candidates each.

    Attributes:
        users: int64 (U,), places among the corpus' distinct users.
        texts: int64 (U, K), the nearest texts that a user has not taken, nearest first.
        scores: float32 (U, K), by the cross-encoder, to be compared within a user.
    """

    users: LongArray
    texts: LongArray
    scores: Tensor

    @classmethod
    def of(cls, corpus: Corpus, two_tower: TwoTower, config: CrossTeacherConfig, progress: Progress) -> "JointScores":
        """Ask, which takes long: every pair passes all layers.

        Args:
            corpus: the events that teach.
            two_tower: proposes the candidates.
            config: the settings.
            progress: called after every few users.

        Raises:
            ArtifactError: there is no cross-encoder, or one that was altered.
        """
        model = CrossEncoder.load(Path(config.directory))
        known = np.unique(corpus.user)
        users = spread(len(known), config.users)
        texts = _nearest(corpus, two_tower, known[users], config.candidates)
        scores = scored(model, corpus, corpus.histories(known[users]), texts, progress)
        return cls(users=users, texts=texts, scores=torch.from_numpy(scores))


def _nearest(corpus: Corpus, two_tower: TwoTower, users: IntArray, k: int) -> LongArray:
    """int64 (U, K), where K is k, or what every user has left if that is less."""
    histories = corpus.histories(users)
    scores = two_tower.interest.user_vectors(histories, two_tower.vectors, as_of=corpus.end) @ two_tower.vectors.T
    scores[histories.rows, histories.item_idx] = -np.inf
    left = int(np.isfinite(scores).sum(axis=1).min())
    return np.argsort(-scores, axis=1, kind="stable")[:, : min(k, left)].astype(np.int64)
