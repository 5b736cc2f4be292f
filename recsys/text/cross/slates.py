"""Slates: a user's history and some candidates of which the user takes the first."""

from dataclasses import dataclass

import numpy as np

from recsys.errors import TrainingError
from recsys.schema import IntArray, LongArray
from recsys.text.corpus import Corpus
from recsys.text.cross.config import CrossEncoderConfig
from recsys.text.cross.two_tower import TwoTower
from recsys.text.pairs import Pairs
from recsys.text.validation import Validation

_JUDGING = 1_000_003
_TRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Slate:
    """B users.

    Attributes:
        histories: int32 texts of each user, oldest first.
        candidates: int32 (B, C), texts; the first of each row is taken, the others are not.
    """

    histories: tuple[IntArray, ...]
    candidates: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """Texts near each user by a two-tower teacher.

    Attributes:
        teaching: int32 (u, n), a row for each of the examples' users, -1 where there are none; see `mining.mine`.
        two_tower: the teacher.
    """

    teaching: IntArray
    two_tower: TwoTower


@dataclass(frozen=True, slots=True, kw_only=True)
class Slates:
    """All examples of a corpus, drawn step by step as a pure function of (seed, step).

    Attributes:
        pairs: where the targets and the histories before them are.
        config: sizes and seed.
        near: where hard negatives come from; None for none.
    """

    pairs: Pairs
    config: CrossEncoderConfig
    near: Near | None

    def draw(self, step: int) -> Slate:
        """Distinct users, one target each."""
        pairs, corpus = self.pairs, self.pairs.corpus
        rng = np.random.default_rng([self.config.seed, step])
        users = rng.permutation(np.flatnonzero(np.diff(pairs.target_rows)))[: self.config.users_per_step]
        histories, candidates = [], []
        for user in users.tolist():
            place = int(rng.integers(pairs.target_rows[user], pairs.target_rows[user + 1]))
            moment = int(np.searchsorted(pairs.moments, place, side="right")) - 1
            start, end = int(pairs.rows[user]), int(pairs.before[moment])
            histories.append(corpus.text[max(start, end - self.config.history_items) : end])
            own = corpus.text[start : int(pairs.rows[user + 1])]
            near = np.zeros(0, np.int32) if self.near is None else self.near.teaching[user]
            others = _others(rng, corpus, own, near[near >= 0], self.config)
            candidates.append(np.append(corpus.text[pairs.targets[place]], others))
        return Slate(histories=tuple(histories), candidates=np.array(candidates, np.int32))

    def judging(self, validation: Validation, n: int) -> Slate:
        """At most n of the validation window's users, those of `spread`, one of the texts each takes there."""
        rng = np.random.default_rng([self.config.seed, _JUDGING])
        rows = spread(len(validation.histories), n)
        near = self._near(validation)
        histories, candidates = [], []
        for row in rows.tolist():
            truth, past = (m.indices[m.indptr[row] : m.indptr[row + 1]] for m in (validation.truth, validation.taken))
            own = np.append(truth, past)
            left = near[row][~np.isin(near[row], own)][: self._pool]
            others = _others(rng, self.pairs.corpus, own, left, self.config)
            histories.append(validation.histories.take([row]).last(self.config.history_items).item_idx)
            candidates.append(np.append(rng.choice(truth), others))
        return Slate(histories=tuple(histories), candidates=np.array(candidates, np.int32))

    @property
    def _pool(self) -> int:
        return 0 if self.near is None else self.near.teaching.shape[1]

    def _near(self, validation: Validation) -> IntArray:
        """int32 (n, m), all texts by the two-tower teacher, nearest first; m = 0 without one."""
        if self.near is None:
            return np.zeros((len(validation.histories), 0), np.int32)
        scores = validation.scores(self.near.two_tower.interest, self.near.two_tower.vectors)
        return np.argsort(-scores, axis=1, kind="stable").astype(np.int32)


def spread(n: int, most: int) -> LongArray:
    """int64, at most `most` of 0 … n - 1, evenly spread."""
    return np.linspace(0, n - 1, min(most, n)).astype(np.int64)


def _others(
    rng: np.random.Generator, corpus: Corpus, own: IntArray, near: IntArray, config: CrossEncoderConfig
) -> IntArray:
    """int32 (candidates - 1,), distinct texts that the user does not take: some near, the others as they are taken."""
    wanted = config.candidates - 1
    hard = rng.permutation(near)[: min(config.hard, wanted)]
    drawn = corpus.text[rng.integers(0, len(corpus.text), _TRIES * wanted)]
    spare = rng.permutation(len(corpus.texts))
    found = np.concatenate([hard, drawn, spare])
    found = found[~np.isin(found, own)]
    _, first = np.unique(found, return_index=True)
    if len(first) < wanted:
        raise TrainingError(
            f"Expected {wanted} texts that a user does not take, got {len(first)} of {len(corpus.texts)}; lower "
            "candidates."
        )
    return np.asarray(found[np.sort(first)[:wanted]], np.int32)
