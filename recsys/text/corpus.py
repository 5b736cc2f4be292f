"""What the encoder may see: texts and positive events before encoder_end, and nothing later."""

import hashlib
from dataclasses import dataclass

import numpy as np

from recsys.artifacts import digest_of
from recsys.data.catalog import Catalog
from recsys.data.interactions import Histories, Interactions
from recsys.errors import TrainingError
from recsys.schema import BoolArray, FloatArray, Instant, IntArray, LongArray

_EVERY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Distinct texts of the items known before encoder_end, and who took them when.

    Items with equal text are one text here: no encoder can tell them apart.

    Attributes:
        texts: the distinct texts, sorted.
        user: int32 (m,), positive events before `end`, sorted by user, then time.
        text: int32 (m,), index into `texts`.
        at: int64 (m,), µs since the epoch.
        weight: float32 (m,), > 0.
        day: µs that count as a day of age.
        valid_start: start of the validation window, which lasts up to `end`.
        end: encoder_end.
    """

    texts: tuple[str, ...]
    user: IntArray
    text: IntArray
    at: LongArray
    weight: FloatArray
    day: Instant
    valid_start: Instant
    end: Instant

    @classmethod
    def of(cls, catalog: Catalog, interactions: Interactions, end: Instant, *, valid_fraction: float) -> "Corpus":
        """Read what was known at `end`; the last `valid_fraction` of the positive events are the validation window.

        Raises:
            TrainingError: fewer than two texts or two distinct instants: nothing to learn from.
        """
        seen = interactions.before(end)
        known = np.flatnonzero(catalog.known_before(end, seen.seen_items())).tolist()
        of_item = catalog.texts
        texts = tuple(sorted({of_item[i] for i in known}))
        index = {text: position for position, text in enumerate(texts)}
        text_of = np.full(len(catalog), -1, np.int32)
        text_of[known] = [index[of_item[i]] for i in known]
        events = seen.positives().events.sort("user_idx", "at", maintain_order=True)
        valid_start = events["at"].quantile(1 - valid_fraction, "nearest")
        if len(texts) < 2 or valid_start is None or events["at"].n_unique() < 2:
            raise TrainingError(
                f"Expected at least 2 distinct texts and 2 instants with positive events before encoder_end, got "
                f"{len(texts)} texts and {events['at'].n_unique()} instants; bring a longer log or items with text."
            )
        return cls(
            texts=texts,
            user=events["user_idx"].to_numpy(),
            text=text_of[events["item_idx"].to_numpy()],
            at=events["at"].to_numpy(),
            weight=events["weight"].to_numpy(),
            day=interactions.day,
            valid_start=int(valid_start),
            end=end,
        )

    @property
    def digest(self) -> str:
        """sha256 over everything here."""
        arrays = (self.user, self.text, self.at, self.weight)
        digests = [hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() for array in arrays]
        return digest_of([list(self.texts), digests, self.day, self.valid_start, self.end])

    @property
    def judging(self) -> BoolArray:
        """(m,) true for the events that judge and do not teach: every third user's in the validation window.

        The other users' events there teach, lest the encoder be a tenth of its log out of date when it is used.
        """
        return np.asarray((self.user % _EVERY == 0) & (self.at >= self.valid_start), np.bool_)

    def teaching(self) -> "Corpus":
        """The same texts with the events that teach."""
        return self._only(~self.judging, self.end)

    def until(self, end: Instant) -> "Corpus":
        """The same texts with the events before `end` only."""
        return self._only(self.at < end, end)

    def _only(self, keep: BoolArray, end: Instant) -> "Corpus":
        return Corpus(
            texts=self.texts,
            user=self.user[keep],
            text=self.text[keep],
            at=self.at[keep],
            weight=self.weight[keep],
            day=self.day,
            valid_start=self.valid_start,
            end=end,
        )

    def histories(self, users: IntArray) -> Histories:
        """The users' positive events before `end`, with text indices as items."""
        starts, ends = np.searchsorted(self.user, users), np.searchsorted(self.user, users, side="right")
        lengths = ends - starts
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        pick = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)
        return Histories(
            indptr=indptr,
            item_idx=self.text[pick],
            event=np.zeros(len(pick), np.uint8),
            at=self.at[pick],
            value=np.full(len(pick), np.nan),
            weight=self.weight[pick],
        )
