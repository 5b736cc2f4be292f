"""Training examples: a user's history before a moment, and what the user took from that moment on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.errors import TrainingError
from recsys.schema import FloatArray, Instant, IntArray, LongArray
from recsys.text.batch import Batch
from recsys.text.config import FinetuneConfig
from recsys.text.corpus import Corpus
from recsys.text.impressions import Impressions
from recsys.text.ragged import Ragged

_PROBES = 64
_PROBE_STREAM = 1_000_003


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """All examples of a corpus, drawn step by step as a pure function of (seed, step).

    A target is the first time a user takes a text; a moment is an instant with targets and a history before it.

    Attributes:
        corpus: the events that teach.
        lengths: int64 (n_texts,), tokens of each text.
        config: sizes of a step.
        users: int32 (u,), the user of each user row, sorted.
        rows: int64 (u + 1,), the events of user row r are rows[r]:rows[r + 1].
        targets: int64 (t,), event index of each target, by user, then time.
        target_rows: int64 (u + 1,), the targets of each user row.
        moments: int64 (q,), position in `targets` of the first target of each moment.
        moment_rows: int64 (u + 1,), the moments of each user row.
        before: int64 (q,), event index at which each moment's history ends (exclusive).
        fresh: int64 (u,), the first moment of each user row to be drawn for what is new; the row's first, unless older
            ones are only replayed.
        replay: share of a step's users whose moment is one before `fresh`.
        impressions: what users were shown and never take, none where the objective does not ask.
        shown: int64 (q, 2), the impressions of each moment: from the first up to the second.
    """

    corpus: Corpus
    lengths: LongArray
    config: FinetuneConfig
    users: IntArray
    rows: LongArray
    targets: LongArray
    target_rows: LongArray
    moments: LongArray
    moment_rows: LongArray
    before: LongArray
    fresh: LongArray
    replay: float
    impressions: Impressions
    shown: LongArray

    @classmethod
    def of(cls, corpus: Corpus, lengths: LongArray, config: FinetuneConfig) -> "Pairs":
        """Find targets and moments.

        Raises:
            TrainingError: no user took anything new after a first instant, or the objective asks for impressions and
                there are none.
        """
        user, at = corpus.user, corpus.at
        users, starts, row = np.unique(user, return_index=True, return_inverse=True)
        first = np.zeros(len(user), np.bool_)
        first[np.unique(user.astype(np.int64) * len(corpus.texts) + corpus.text, return_index=True)[1]] = True
        targets = np.flatnonzero(first & (at > at[starts][row]))
        if len(targets) == 0:
            raise TrainingError(
                f"Expected users who take something new after their first event, found none among {len(starts)} users "
                "before the validation window; bring a longer log."
            )
        group = _group_starts(user, at)[targets]
        moments = np.flatnonzero(np.diff(group, prepend=-1) != 0)
        before, moment_rows = group[moments], _indptr(row[targets[moments]], len(starts))
        impressions = _left(corpus, config)
        return cls(
            corpus=corpus,
            lengths=lengths,
            config=config,
            users=users,
            rows=np.append(starts, len(user)).astype(np.int64),
            targets=targets,
            target_rows=_indptr(row[targets], len(starts)),
            moments=moments,
            moment_rows=moment_rows,
            before=before,
            fresh=moment_rows[:-1],
            replay=0.0,
            impressions=impressions,
            shown=impressions.spans(user[before], at[before], day=corpus.day),
        )

    def since(self, start: Instant, *, replay: float) -> "Pairs":
        """The same examples, where those before `start` are only replayed: for a share `replay` of a step's users.

        Raises:
            TrainingError: nobody takes anything new from `start` on.
        """
        old = self.corpus.at[self.before] < start
        counts = np.add.reduceat(np.append(old, False).astype(np.int64), self.moment_rows[:-1]) * (
            np.diff(self.moment_rows) > 0
        )
        fresh = self.moment_rows[:-1] + counts
        if (fresh == self.moment_rows[1:]).all():
            raise TrainingError(
                "Expected users who take something new since the last teacher's encoder_end, found none; bring a log "
                "with newer events, or keep the last teacher."
            )
        return replace(self, fresh=fresh, replay=replay)

    def draw(self, step: int, mined: IntArray | None = None) -> Batch:
        """The examples of one step: distinct users, one moment each, as many as the step's tokens allow.

        Args:
            step: which one.
            mined: int32 (u, n), texts to draw each user's hard negatives from, -1 where there are none.
        """
        return self._drawn(np.random.default_rng([self.config.seed, step]), mined)

    def log_inclusion(self, mined: IntArray | None = None) -> FloatArray:
        """float32 (n_texts,), log of the share of steps each text takes part in: the q of the logQ correction.

        Counted over drawn steps, smoothed by half a step, so that it is right for whatever `draw` does.
        """
        counts = np.full(len(self.corpus.texts), 0.5)
        for probe in range(_PROBES):
            counts[self._drawn(np.random.default_rng([self.config.seed, probe, _PROBE_STREAM]), mined).texts] += 1
        return np.log(counts / (_PROBES + 0.5)).astype(np.float32)

    def _drawn(self, rng: np.random.Generator, mined: IntArray | None) -> Batch:
        config, corpus = self.config, self.corpus
        user, moment = self._moments(rng)
        end = self.before[moment]
        history = Ragged.spans(np.maximum(self.rows[user], end - config.history_items), end)
        later = Ragged.spans(self.moments[moment], self.target_rows[user + 1])
        targets = later.sample(rng, config.targets_per_user).at(self.targets)
        extra = rng.permutation(len(corpus.texts))[: config.negatives]
        first, last = self.shown[moment].T
        shown = Ragged.spans(np.maximum(first, last - config.shown_per_user), last).at(self.impressions.text)
        hard = Ragged.of_table(mined[user]).sample(rng, config.hard_negatives) if mined is not None else shown.first(0)
        n = self._affordable([history.at(corpus.text), targets.at(corpus.text), shown, hard], extra)
        extra = np.concatenate([extra, hard.first(n).index])
        return self._batch(user[:n], end[:n], (history.first(n), targets.first(n), shown.first(n)), extra)

    def _moments(self, rng: np.random.Generator) -> tuple[LongArray, LongArray]:
        """Users' rows, in random order, and a moment of each."""
        replayed = round(self.replay * self.config.users_per_step)
        user, moment = _one_each(rng, self.fresh, self.moment_rows[1:], self.config.users_per_step - replayed)
        if replayed == 0:
            return user, moment
        again, old = _one_each(rng, self.moment_rows[:-1], self.fresh, replayed)
        order = rng.permutation(len(user) + len(again))
        return np.concatenate([user, again])[order], np.concatenate([moment, old])[order]

    def _affordable(self, texts: Sequence[Ragged], extra: LongArray) -> int:
        """How many of the first examples fit into the step's tokens, their distinct texts counted once; at least 1."""
        example = np.concatenate([part.row for part in texts])
        order = np.argsort(example, kind="stable")
        text = np.concatenate([part.index for part in texts])[order]
        _, first = np.unique(text, return_index=True)
        tokens = np.zeros(len(text))
        tokens[first] = self.lengths[text[first]]
        spent = np.cumsum(np.bincount(example[order], tokens)) + self.lengths[extra].sum()
        return max(1, int((spent <= self.config.tokens_per_step).sum()))

    def _batch(self, user: LongArray, end: LongArray, parts: tuple[Ragged, Ragged, Ragged], extra: LongArray) -> Batch:
        corpus, n = self.corpus, len(user)
        history, targets, shown = parts
        read, wanted = corpus.text[history.index], corpus.text[targets.index]
        texts = np.unique(np.concatenate([read, wanted, shown.index, extra]).astype(np.int64))
        place = np.full(len(corpus.texts), -1, np.int64)
        place[texts] = np.arange(len(texts))
        hours = (corpus.at[end][history.row] - corpus.at[history.index]) * (24 / corpus.day)
        goal = corpus.weight[targets.index] / np.bincount(targets.row, minlength=n)[targets.row]
        own = np.zeros((n, len(texts)), np.bool_)
        taken = Ragged.spans(self.rows[user], self.rows[user + 1]).at(corpus.text).at(place)
        own[taken.row[taken.index >= 0], taken.index[taken.index >= 0]] = True
        return Batch(
            texts=texts,
            history=history.padded(place[read], n),
            hours=history.padded(hours.astype(np.float32), n),
            weight=history.padded(corpus.weight[history.index], n),
            targets=targets.padded(place[wanted], n),
            target_weight=targets.padded(goal.astype(np.float32), n),
            own=own,
            shown=shown.padded(place[shown.index], n),
            present=shown.padded(np.ones(len(shown.row), np.bool_), n),
        )


def _left(corpus: Corpus, config: FinetuneConfig) -> Impressions:
    """What users were shown and never take, if the objective asks for it."""
    if config.objective.impressions == 0:
        return Impressions.none()
    left = corpus.impressions.left(corpus.user, corpus.text)
    if len(left) == 0:
        raise TrainingError(
            "Expected events of role impression for items their user does not take, found none among "
            f"{len(corpus.impressions)} impressions; log what is shown, or set finetune.objective.impressions = 0."
        )
    return left


def _one_each(rng: np.random.Generator, start: LongArray, end: LongArray, n: int) -> tuple[LongArray, LongArray]:
    """At most n random rows that have something in start[row]:end[row], and one index out of that of each."""
    row = rng.permutation(np.flatnonzero(end > start))[:n]
    return row, start[row] + (rng.random(len(row)) * (end - start)[row]).astype(np.int64)


def _indptr(row: LongArray, n: int) -> LongArray:
    return np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n))]).astype(np.int64)


def _group_starts(user: IntArray, at: LongArray) -> LongArray:
    """Index of the first event of the same user and instant, for events sorted by both."""
    opens = np.ones(len(user), np.bool_)
    opens[1:] = (user[1:] != user[:-1]) | (at[1:] != at[:-1])
    return np.asarray(np.maximum.accumulate(np.where(opens, np.arange(len(user)), 0)), np.int64)
