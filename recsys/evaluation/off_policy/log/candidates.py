"""What lists were drawn from, for the share of answers whose candidates were logged."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.data.policy_log import PolicyLog
from recsys.evaluation.off_policy.log.answers import Answers, picked
from recsys.schema import DoubleArray, IntArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Of c of the requests, all items, best first.

    Attributes:
        request: int64 (c,), which ones, rising.
        indptr: int64 (c + 1,), request[i] has the entries indptr[i]:indptr[i + 1].
        item: int32 (k,), codes as `Logged.item` has them.
        score: float64 (k,), NaN where none was logged.
    """

    request: LongArray
    indptr: LongArray
    item: IntArray
    score: DoubleArray

    def __len__(self) -> int:
        return len(self.request)

    @property
    def sizes(self) -> LongArray:
        """int64 (c,), how many each request has."""
        return np.diff(self.indptr)

    def take(self, which: LongArray) -> "Candidates":
        """Of some of the requests, rising; request[i] is then its place among them."""
        mine = np.flatnonzero(np.isin(self.request, which))
        indptr, rows = picked(self.indptr, mine)
        return Candidates(
            request=np.searchsorted(which, self.request[mine]).astype(np.int64),
            indptr=indptr,
            item=self.item[rows],
            score=self.score[rows],
        )

    @classmethod
    def of(cls, logged: pl.DataFrame, codes: IntArray) -> "Candidates":
        """From what `logged_with` found.

        Args:
            logged: one row a request.
            codes: int32 (k,), of the items of all its rows.
        """
        sizes = logged["items"].list.len().to_numpy()
        return cls(
            request=logged["answer"].to_numpy(),
            indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            item=codes,
            score=flat(logged["scores"]).fill_null(float("nan")).to_numpy(),
        )


def logged_with(log: PolicyLog, answers: Answers) -> pl.DataFrame:
    """Answer (i64, rising), items (lists of categories as the answers') and scores of the answers that have any.

    A row with other numbers of items than scores is left out.
    """
    words = answers.heads.schema["request_id"]
    wanted = answers.heads.select("request_id", "at", answer=pl.int_range(pl.len(), dtype=pl.Int64))
    return (
        log.candidates.filter(pl.col("item_ids").list.len() == pl.col("scores").list.len())
        .select(
            pl.col("request_id").cast(words),
            pl.col("at").to_physical(),
            items=pl.col("item_ids").cast(pl.List(words)),
            scores="scores",
        )
        .join(wanted.lazy(), on=["request_id", "at"])
        .select("answer", "items", "scores")
        .collect(engine="streaming")
        .unique("answer", keep="first", maintain_order=True)
        .sort("answer")
    )


def flat(lists: pl.Series) -> pl.Series:
    """What is in the lists, one after the other; an empty one has nothing."""
    return lists.filter(lists.list.len() > 0).explode()
