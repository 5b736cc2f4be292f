"""What the ranker is taught with: rows of one instant, and what happened after it."""

from dataclasses import dataclass

import numpy as np

from recsys.ranking.features import FeatureTable
from recsys.schema import BoolArray, FloatArray, Instant, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RankerTable:
    """Rows of one instant: what was known before it, and what happened after.

    Attributes:
        as_of: features and candidates are of events before it.
        label_end: labels are of events in [as_of, label_end).
        features: the rows.
        gain: float32 (m,), the weight of the heaviest positive event of the pair in the label window, 0 if none.
        missed: labelled pairs that no source proposed.
        times: float32 (m,), how many users took it as this one did, for each who saw it (`ranking.examination`); None
            counts each pair once.
    """

    as_of: Instant
    label_end: Instant
    features: FeatureTable
    gain: FloatArray
    missed: int
    times: FloatArray | None = None

    @property
    def counted(self) -> FloatArray:
        """float32 (m,): the gain, as many times as it counts."""
        return self.gain if self.times is None else self.gain * self.times

    @property
    def sizes(self) -> LongArray:
        """int64 (n,), rows of each user."""
        return np.diff(self.features.indptr)

    @property
    def rows(self) -> LongArray:
        """int64 (m,), the user row of each pair."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def useful(self) -> BoolArray:
        """The users, bool (n,), with something to learn from: a labelled pair and an unlabelled one."""
        labelled = np.bincount(self.rows, self.gain > 0, minlength=len(self.sizes))
        return (labelled > 0) & (labelled < self.sizes)

    def thinned(self, others: int, *, seed: int) -> BoolArray:
        """All labelled pairs, and at most `others` of each user's unlabelled ones, drawn at random: bool (m,)."""
        rows = self.rows
        lot = np.random.default_rng(seed).random(len(rows))
        lot[self.gain > 0] = -1
        order = np.lexsort((lot, rows))
        place = np.empty(len(rows), np.int64)
        place[order] = np.arange(len(rows)) - self.features.indptr[rows]
        taken = np.bincount(rows, self.gain > 0, minlength=len(self.sizes))
        return np.asarray(place < (taken + others)[rows])
