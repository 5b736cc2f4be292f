"""Ranked lists as a table for others to read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.vocabulary import Vocabulary
from recsys.evaluation.metrics import padded
from recsys.ranking.recommendations import FlagArray
from recsys.recommender import Recommendations
from recsys.schema import IntArray, LongArray


def table(recommendations: Recommendations, user_ids: list[str], items: Vocabulary) -> pl.DataFrame:
    """Rows user_id, item_id, rank (i32, from 1), score, interest, probability (f32), sources, rules (names).

    The probability is null where the ranker has none.
    """
    sizes = np.diff(recommendations.indptr)
    starts = np.repeat(recommendations.indptr[:-1], sizes)
    names = pl.Series(list(items.ids), dtype=pl.String)
    return pl.DataFrame(
        {
            "user_id": pl.Series(user_ids, dtype=pl.String).gather(np.repeat(np.arange(len(sizes)), sizes)),
            "item_id": names.gather(recommendations.item_idx),
            "rank": (np.arange(len(starts)) - starts + 1).astype(np.int32),
            "score": recommendations.score,
            "interest": recommendations.interest,
            "probability": pl.Series(recommendations.probability).fill_nan(None),
            "sources": _named(recommendations.sources.astype(np.uint64), recommendations.source_names),
            "rules": _named(recommendations.rules, recommendations.rule_names),
        }
    )


def _named(bits: FlagArray, names: Sequence[str]) -> pl.Series:
    """The names of the bits that are set, a list for each of uint64 (m,): the same bits come again and again."""
    distinct, which = np.unique(bits, return_inverse=True)
    if not names:
        return pl.Series([[]] * len(distinct), dtype=pl.List(pl.String)).gather(which)
    flags = pl.DataFrame({"bits": distinct}, schema={"bits": pl.UInt64})
    told = [pl.when(pl.col("bits") & (1 << bit) != 0).then(pl.lit(name)) for bit, name in enumerate(names)]
    return flags.select(pl.concat_list(told).list.drop_nulls()).to_series().gather(which)


def matrix(recommendations: Recommendations, rows: LongArray, k: int) -> IntArray:
    """int32 (len(rows), k): the lists of chosen users, cut at k, -1 where a list is shorter."""
    return padded(recommendations.indptr, recommendations.item_idx, k)[rows]


def stored(folder: Path, user_ids: list[str], items: Vocabulary, k: int) -> IntArray:
    """int32 (len(user_ids), k): what `table` wrote of chosen users, cut at k, -1 where a list is shorter."""
    chosen = pl.DataFrame({"user_id": user_ids}, schema={"user_id": pl.String}).with_row_index("row")
    found = pl.read_parquet(folder / "*.parquet").join(chosen, on="user_id").filter(pl.col("rank") <= k)
    out = np.full((len(user_ids), k), -1, np.int32)
    out[found["row"].to_numpy(), found["rank"].to_numpy() - 1] = items.encode(found["item_id"])
    return out
