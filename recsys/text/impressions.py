"""What users were shown, and what of it they left."""

from dataclasses import dataclass

import numpy as np

from recsys.schema import BoolArray, Instant, IntArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Impressions:
    """Texts shown to users.

    Attributes:
        user: int32 (m,), sorted by user, then time.
        text: int32 (m,), index into the corpus' texts.
        at: int64 (m,), µs since the epoch.
    """

    user: IntArray
    text: IntArray
    at: LongArray

    @classmethod
    def none(cls) -> "Impressions":
        """Of a log without any."""
        return cls(user=np.zeros(0, np.int32), text=np.zeros(0, np.int32), at=np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.user)

    def where(self, mask: BoolArray) -> "Impressions":
        """Only those of a mask, bool (m,)."""
        return Impressions(user=self.user[mask], text=self.text[mask], at=self.at[mask])

    def left(self, user: IntArray, text: IntArray) -> "Impressions":
        """Only those of texts their user does not take, given all (user, text) that are taken."""
        n = 1 + int(max(self.text.max(initial=0), text.max(initial=0)))
        return self.where(~np.isin(self.user.astype(np.int64) * n + self.text, user.astype(np.int64) * n + text))

    def spans(self, user: IntArray, at: LongArray, *, day: Instant) -> LongArray:
        """Where the impressions of each moment lie: those to its user, at it or less than a day before it.

        Args:
            user: int32 (q,), the moments' users.
            at: int64 (q,), µs, the moments.
            day: µs that count as a day.

        Returns:
            int64 (q, 2): the first and past the last.
        """
        instants, ranks = np.unique(np.concatenate([self.at, at, at - day]), return_inverse=True)
        own, moment, dawn = np.split(ranks, [len(self), len(self) + len(at)])
        keys = self.user.astype(np.int64) * len(instants) + own
        base = user.astype(np.int64) * len(instants)
        return np.stack([np.searchsorted(keys, base + edge, side="right") for edge in (dawn, moment)], axis=1)
