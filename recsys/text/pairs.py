"""Training examples: a user's history before a moment, and what the user took from that moment on."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from recsys.errors import TrainingError
from recsys.schema import BoolArray, FloatArray, IntArray, LongArray
from recsys.text.config import FinetuneConfig
from recsys.text.corpus import Corpus

Number = TypeVar("Number", bound=np.generic)

_PROBES = 64
_PROBE_STREAM = 1_000_003


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The B examples of one step over its C distinct texts; rows are padded to H events and K targets.

    Attributes:
        texts: int64 (C,), sorted indices into the corpus: every one is encoded once.
        history: int64 (B, H), positions in `texts`, oldest first; 0 where padded.
        hours: float32 (B, H), age of each event at the example's moment, 24 to a `day`; 0 where padded.
        weight: float32 (B, H), event weights; 0 where padded.
        targets: int64 (B, K), positions in `texts`; 0 where padded.
        target_weight: float32 (B, K), event weight over the user's number of targets; 0 where padded.
        own: bool (B, C), texts the user takes anywhere in the training log: never negatives.
    """

    texts: LongArray
    history: LongArray
    hours: FloatArray
    weight: FloatArray
    targets: LongArray
    target_weight: FloatArray
    own: BoolArray

    def part(self, index: int, size: int) -> "Batch":
        """Every `size`-th example from `index` on, over the same texts; none where there are not so many."""
        rows = slice(index, None, size)
        return Batch(
            texts=self.texts, **{name: getattr(self, name)[rows] for name in self.__slots__ if name != "texts"}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """All examples of a corpus, drawn step by step as a pure function of (seed, step, shard).

    A target is the first time a user takes a text; a moment is an instant with targets and a history before it.

    Attributes:
        corpus: the events that teach.
        lengths: int64 (n_texts,), tokens of each text.
        config: sizes of a step.
        rows: int64 (u + 1,), the events of user row r are rows[r]:rows[r + 1].
        targets: int64 (t,), event index of each target, by user, then time.
        target_rows: int64 (u + 1,), the targets of each user row.
        moments: int64 (q,), position in `targets` of the first target of each moment.
        moment_rows: int64 (u + 1,), the moments of each user row.
        before: int64 (q,), event index at which each moment's history ends (exclusive).
    """

    corpus: Corpus
    lengths: LongArray
    config: FinetuneConfig
    rows: LongArray
    targets: LongArray
    target_rows: LongArray
    moments: LongArray
    moment_rows: LongArray
    before: LongArray

    @classmethod
    def of(cls, corpus: Corpus, lengths: LongArray, config: FinetuneConfig) -> "Pairs":
        """Find targets and moments.

        Raises:
            TrainingError: no user took anything new after a first instant.
        """
        user, at = corpus.user, corpus.at
        _, starts, row = np.unique(user, return_index=True, return_inverse=True)
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
        return cls(
            corpus=corpus,
            lengths=lengths,
            config=config,
            rows=np.append(starts, len(user)).astype(np.int64),
            targets=targets,
            target_rows=_indptr(row[targets], len(starts)),
            moments=moments,
            moment_rows=_indptr(row[targets[moments]], len(starts)),
            before=group[moments],
        )

    def draw(self, step: int, shard: int = 0) -> Batch:
        """The examples of one step: distinct users, one moment each, as many as the step's tokens allow."""
        rng = np.random.default_rng([self.config.seed, step, shard])
        user = rng.permutation(np.flatnonzero(np.diff(self.moment_rows)))[: self.config.users_per_step]
        count = (self.moment_rows[1:] - self.moment_rows[:-1])[user]
        moment = self.moment_rows[user] + (rng.random(len(user)) * count).astype(np.int64)
        end = self.before[moment]
        of_event, event = _ragged(np.maximum(self.rows[user], end - self.config.history_items), end)
        of_target, target = _ragged(self.moments[moment], self.target_rows[user + 1])
        chosen = _first_of_shuffled(rng, of_target, self.config.targets_per_user)
        of_target, target = of_target[chosen], self.targets[target[chosen]]
        extra = rng.permutation(len(self.corpus.texts))[: self.config.negatives]
        n = self._affordable(np.concatenate([of_event, of_target]), np.concatenate([event, target]), extra)
        kept_events, kept_targets = of_event < n, of_target < n
        return self._batch(
            user[:n],
            end[:n],
            (of_event[kept_events], event[kept_events]),
            (of_target[kept_targets], target[kept_targets]),
            extra,
        )

    def _affordable(self, example: LongArray, event: LongArray, extra: LongArray) -> int:
        """How many of the first examples fit into the step's tokens, their distinct texts counted once; at least 1."""
        order = np.argsort(example, kind="stable")
        text = self.corpus.text[event[order]]
        _, first = np.unique(text, return_index=True)
        tokens = np.zeros(len(text))
        tokens[first] = self.lengths[text[first]]
        spent = np.cumsum(np.bincount(example[order], tokens)) + self.lengths[extra].sum()
        return max(1, int((spent <= self.config.tokens_per_step).sum()))

    def _batch(
        self,
        user: LongArray,
        end: LongArray,
        events: tuple[LongArray, LongArray],
        targets: tuple[LongArray, LongArray],
        extra: LongArray,
    ) -> Batch:
        corpus = self.corpus
        texts = np.unique(np.concatenate([corpus.text[events[1]], corpus.text[targets[1]], extra]).astype(np.int64))
        place = np.full(len(corpus.texts), -1, np.int64)
        place[texts] = np.arange(len(texts))
        example, event = events
        hours = (corpus.at[end][example] - corpus.at[event]) * (24 / corpus.day)
        goal = corpus.weight[targets[1]] / np.bincount(targets[0], minlength=len(user))[targets[0]]
        own = np.zeros((len(user), len(texts)), np.bool_)
        owner, owned = _ragged(self.rows[user], self.rows[user + 1])
        where = place[corpus.text[owned]]
        own[owner[where >= 0], where[where >= 0]] = True
        return Batch(
            texts=texts,
            history=_padded(example, place[corpus.text[event]], len(user)),
            hours=_padded(example, hours.astype(np.float32), len(user)),
            weight=_padded(example, corpus.weight[event], len(user)),
            targets=_padded(targets[0], place[corpus.text[targets[1]]], len(user)),
            target_weight=_padded(targets[0], goal.astype(np.float32), len(user)),
            own=own,
        )

    def log_inclusion(self) -> FloatArray:
        """float32 (n_texts,), log of the share of steps each text takes part in: the q of the logQ correction.

        Counted over drawn steps, smoothed by half a step, so that it is right for whatever `draw` does.
        """
        counts = np.full(len(self.corpus.texts), 0.5)
        for probe in range(_PROBES):
            counts[self.draw(probe, _PROBE_STREAM).texts] += 1
        return np.log(counts / (_PROBES + 0.5)).astype(np.float32)


def _indptr(row: LongArray, n: int) -> LongArray:
    return np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n))]).astype(np.int64)


def _group_starts(user: IntArray, at: LongArray) -> LongArray:
    """Index of the first event of the same user and instant, for events sorted by both."""
    opens = np.ones(len(user), np.bool_)
    opens[1:] = (user[1:] != user[:-1]) | (at[1:] != at[:-1])
    return np.asarray(np.maximum.accumulate(np.where(opens, np.arange(len(user)), 0)), np.int64)


def _ragged(start: LongArray, end: LongArray) -> tuple[LongArray, LongArray]:
    """(row, index) of every index in start[row]:end[row], row by row."""
    lengths = end - start
    row = np.repeat(np.arange(len(start)), lengths)
    return row, np.arange(len(row)) + (start - np.cumsum(lengths) + lengths)[row]


def _first_of_shuffled(rng: np.random.Generator, row: LongArray, k: int) -> LongArray:
    """Positions of at most k random entries of every row, without replacement; `row` is sorted."""
    order = np.lexsort((rng.random(len(row)), row))
    return np.asarray(order[_rank_in_row(row) < k], np.int64)


def _rank_in_row(row: LongArray) -> LongArray:
    """0, 1, … within every run of equal rows."""
    opens = np.flatnonzero(np.diff(row, prepend=-1))
    return np.asarray(np.arange(len(row)) - np.repeat(opens, np.diff(opens, append=len(row))), np.int64)


def _padded(row: LongArray, values: npt.NDArray[Number], n: int) -> npt.NDArray[Number]:
    """(n, longest row), the values of every row from the left, 0 behind them."""
    column = _rank_in_row(row)
    table = np.zeros((n, int(column.max(initial=0)) + 1), values.dtype)
    table[row, column] = values
    return table
