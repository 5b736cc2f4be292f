"""The answers of a log as they were logged, sorted; nothing is known to be right yet."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.data.policy_log import PolicyLog
from recsys.schema import BoolArray, Instant, LongArray

NAMES = ("user_id", "arm", "bundle", "policy", "params", "request")
"""What an answer has once, as words."""

_ONCE = (*NAMES, "seed", "degraded")
_LISTED = ("item_id", "position", "propensity", "score", "first")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """n answers and the m rows of their lists.

    Attributes:
        heads: n rows of request_id and `NAMES` (categories), at (i64, µs), seed (i64) and degraded (bool), by rising
            at, then request_id.
        rows: m rows of item_id (category), position (i32), propensity, score and first (f64), any of them null, by
            answer and position; none for an answer without items.
        indptr: int64 (n + 1,), answer a has the rows indptr[a]:indptr[a + 1].
        torn: bool (n,), whose rows do not agree in what an answer has once.
    """

    heads: pl.DataFrame
    rows: pl.DataFrame
    indptr: LongArray
    torn: BoolArray

    def __len__(self) -> int:
        return self.heads.height

    @classmethod
    def read(cls, log: PolicyLog, *, since: Instant | None, until: Instant | None) -> "Answers":
        """Of the answers in [since, until), None for no bound; those without a time are there, too.

        Ids become numbers while the files are read: of the texts of ten million rows there is never more than a part.
        """
        words = pl.Categorical(pl.Categories.random("policy log"))
        at = pl.col("at").to_physical()
        within = [at >= since] if since is not None else []
        within += [at < until] if until is not None else []
        rows = (
            log.answers.filter(*[bound.fill_null(True) for bound in within])
            .select(
                pl.col("request_id", *NAMES, "item_id").cast(words),
                at,
                pl.col("seed", "position", "propensity", "score", "first"),
                degraded=pl.col("degraded").list.len().fill_null(0) > 0,
            )
            .collect(engine="streaming")
            .sort("at", pl.col("request_id").to_physical(), "position")
        )
        return cls._of_sorted(rows)._ordered()

    @classmethod
    def _of_sorted(cls, rows: pl.DataFrame) -> "Answers":
        first = _differs(rows["at"]) | _differs(rows["request_id"].to_physical())
        starts = np.flatnonzero(first)
        answer = np.cumsum(first) - 1
        torn = np.zeros(len(starts), np.bool_)
        for name in _ONCE:
            torn[answer[_differs(rows[name].to_physical()) & ~first]] = True
        listed = rows.select(pl.any_horizontal(pl.col("item_id", "position", "propensity").is_not_null())).to_series()
        counts = np.bincount(answer[listed.to_numpy()], minlength=len(starts))
        return cls(
            heads=rows.select("request_id", "at", *_ONCE)[starts],
            rows=rows.select(*_LISTED).filter(listed),
            indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            torn=torn,
        )

    def _ordered(self) -> "Answers":
        """Answers of the same instant by the text of their request_id: a category's number depends on chance."""
        if (np.diff(self.heads["at"].to_physical().fill_null(-1).to_numpy()) != 0).all():
            return self
        texts = self.heads.select("at", pl.col("request_id").cast(pl.String))
        return self.take(texts.select(pl.arg_sort_by("at", "request_id")).to_series().cast(pl.Int64).to_numpy())

    @property
    def sizes(self) -> LongArray:
        """int64 (n,), items of each list."""
        return np.diff(self.indptr)

    @property
    def answer(self) -> LongArray:
        """int64 (m,), whose list each row is of."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.sizes)

    def take(self, which: LongArray) -> "Answers":
        """The chosen answers, in the given order."""
        indptr, rows = picked(self.indptr, which)
        return Answers(heads=self.heads[which], rows=self.rows[rows], indptr=indptr, torn=self.torn[which])


def picked(indptr: LongArray, which: LongArray) -> tuple[LongArray, LongArray]:
    """Bounds and rows of some of the lists, int64: list i of the result is list which[i].

    >>> [each.tolist() for each in picked(np.array([0, 2, 2, 5]), np.array([2, 0]))]
    [[0, 3, 5], [2, 3, 4, 0, 1]]
    """
    sizes = np.diff(indptr)[which]
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return bounds, np.arange(bounds[-1]) + np.repeat(indptr[which] - bounds[:-1], sizes)


def _differs(column: pl.Series) -> BoolArray:
    """Bool (m,): whether a value is another than the one before it; the first is."""
    return np.asarray(column.ne_missing(column.shift(1)).to_numpy() | (np.arange(len(column)) == 0), np.bool_)
