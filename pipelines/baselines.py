"""What simpler systems would recommend, as of the same instant, to the same users, under the same rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recsys.data.interactions import Histories
from recsys.ranking.rules import unseen
from recsys.retrieval.collaborative import Behaviour
from recsys.retrieval.interest import InterestModel
from recsys.schema import BoolArray, FloatArray, Instant, IntArray

BLOCK = 256
BEHAVIOURAL = {"popularity": "popular", "item-item": "cosine", "ALS": "als", "EASE": "ease"}
"""Name of a baseline → the score of `Behaviour.scores` that is the whole method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """Lists of n users by one score each.

    Attributes:
        histories: the users' events before `as_of`.
        as_of: the instant of the lists.
        target: new: nothing the user took or turned down.
        available: bool (n_items,), what may be recommended.
        k: items a list.
    """

    histories: Histories
    as_of: Instant
    target: Literal["all", "new"]
    available: BoolArray
    k: int

    def behavioural(self, behaviour: Behaviour) -> dict[str, IntArray]:
        """Each of `BEHAVIOURAL`, and for target "all" the user's own purchases, decayed, filled up by popularity."""
        parts: dict[str, list[IntArray]] = {}
        for block in self._blocks():
            for name, scores in self._by_behaviour(behaviour, block).items():
                parts.setdefault(name, []).append(self._top(scores, block))
        return {name: np.concatenate(rows) for name, rows in parts.items()}

    def popularity(self, behaviour: Behaviour) -> IntArray:
        """The one of `BEHAVIOURAL` that reads no history, alone."""
        popular = np.log1p(behaviour.popularity).astype(np.float32)
        return np.concatenate([self._top(np.tile(popular, (len(block), 1)), block) for block in self._blocks()])

    def text(self, interest: InterestModel, vectors: FloatArray) -> IntArray:
        """By the dot product of user and item vector alone; vectors float32 (n_items, d)."""
        users = interest.user_vectors(self.histories, vectors, as_of=self.as_of)
        rows = [
            self._top(users[start : start + len(block)] @ vectors.T, block)
            for start, block in self.histories.blocks(BLOCK)
        ]
        return np.concatenate(rows)

    def _by_behaviour(self, behaviour: Behaviour, block: Histories) -> Mapping[str, FloatArray]:
        scores = behaviour.scores(block, as_of=self.as_of)
        found = {name: scores[score] for name, score in BEHAVIOURAL.items()}
        if self.target == "all":
            own = behaviour.recent(block, as_of=self.as_of).toarray()
            top = np.maximum(scores["popular"].max(axis=1, keepdims=True), 1e-9)
            found["own purchases"] = np.where(own > 0, 1 + own, scores["popular"] / (2 * top))
        return found

    def _blocks(self) -> Iterator[Histories]:
        return (block for _, block in self.histories.blocks(BLOCK))

    def _top(self, scores: FloatArray, block: Histories) -> IntArray:
        """int32 (n, k): the best items, of equal ones the lower index first."""
        allowed = np.tile(self.available, (len(block), 1))
        if self.target == "new":
            allowed &= unseen(block, scores.shape[1])
        masked = np.where(allowed, scores, -np.inf)
        order = np.argsort(-masked, axis=1, kind="stable")[:, : self.k].astype(np.int32)
        return np.where(np.isfinite(np.take_along_axis(masked, order, axis=1)), order, -1)
