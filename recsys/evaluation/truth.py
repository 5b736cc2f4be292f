"""What the users did take in the test window: the answers that lists are judged by."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from recsys.data.interactions import Interactions
from recsys.errors import ShapeError
from recsys.schema import BoolArray, Instant, IntArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The distinct items each of n users took in a window, in compressed rows.

    Attributes:
        user_idx: int32 (n,), the users, row by row.
        indptr: int64 (n + 1,), row u holds entries indptr[u]:indptr[u + 1]; a row may be empty.
        item_idx: int32 (m,), distinct and ascending within a row.
    """

    user_idx: IntArray
    indptr: LongArray
    item_idx: IntArray

    def __post_init__(self) -> None:
        n = len(self.user_idx)
        if len(self.indptr) != n + 1 or int(self.indptr[-1]) != len(self.item_idx):
            raise ShapeError(
                f"Truth: expected indptr of {n + 1} entries ending at {len(self.item_idx)} for {n} users and "
                f"{len(self.item_idx)} items, got {len(self.indptr)} ending at {int(self.indptr[-1])}."
            )
        if (np.diff(self.keys(int(self.item_idx.max(initial=0)) + 1)) <= 0).any():
            raise ShapeError("Truth: expected each user's items distinct and ascending.")

    def __len__(self) -> int:
        return len(self.user_idx)

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        user_idx: IntArray,
        *,
        start: Instant,
        end: Instant,
        target: Literal["all", "new"],
    ) -> "Truth":
        """What the users took in [start, end): items of positive events that were not cancelled before `end`.

        With target "new", only items on which the user has no positive event before `start`.
        """
        pair = ["user_idx", "item_idx"]
        taken = interactions.between(start, end).positives().events.select(pair).unique()
        if target == "new":
            taken = taken.join(interactions.before(start).positives().events.select(pair), on=pair, how="anti")
        wanted = pl.DataFrame({"user_idx": user_idx}, schema={"user_idx": pl.Int32}).with_row_index("row")
        found = wanted.join(taken, on="user_idx").sort("row", "item_idx")
        counts = np.bincount(found["row"].to_numpy(), minlength=len(user_idx))
        return cls(
            user_idx=np.asarray(user_idx, np.int32),
            indptr=_offsets(counts),
            item_idx=found["item_idx"].to_numpy(),
        )

    @property
    def sizes(self) -> LongArray:
        """int64 (n,), how many items each user took."""
        return np.diff(self.indptr)

    @property
    def rows(self) -> LongArray:
        """int64 (m,), the row of each entry."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.sizes)

    def keys(self, n_items: int) -> LongArray:
        """int64 (m,), row · n_items + item of each entry, ascending: the pairs as single numbers."""
        return self.rows * n_items + self.item_idx

    def entries(self, rows: LongArray, item_idx: IntArray) -> LongArray:
        """int64 (q,), where in `item_idx` each of q pairs of row and item stands; -1 where the user did not take it.

        Args:
            rows: int64 (q,).
            item_idx: int32 (q,); -1 is never taken.
        """
        if len(self.item_idx) == 0:
            return np.full(len(item_idx), -1, np.int64)
        stride = int(max(self.item_idx.max(), item_idx.max(initial=0))) + 1
        keys, wanted = self.keys(stride), rows * stride + item_idx
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((keys[place] == wanted) & (item_idx >= 0), place, -1)

    def only(self, *, items: BoolArray | None = None, users: BoolArray | None = None) -> "Truth":
        """The same n rows, keeping the entries of chosen items (n_items,) and users (n,); the other rows go empty."""
        keep = np.ones(len(self.item_idx), np.bool_)
        if items is not None:
            keep &= items[self.item_idx]
        if users is not None:
            keep &= users[self.rows]
        counts = np.bincount(self.rows[keep], minlength=len(self))
        return Truth(user_idx=self.user_idx, indptr=_offsets(counts), item_idx=self.item_idx[keep])

    def take(self, rows: LongArray) -> "Truth":
        """The chosen rows, in the given order."""
        lengths = self.sizes[rows]
        indptr = _offsets(lengths)
        pick = np.arange(indptr[-1]) + np.repeat(self.indptr[rows] - indptr[:-1], lengths)
        return Truth(user_idx=self.user_idx[rows], indptr=indptr, item_idx=self.item_idx[pick])


def _offsets(counts: LongArray) -> LongArray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
