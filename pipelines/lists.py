"""Ranked lists as a table for others to read."""

from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.vocabulary import Vocabulary
from recsys.evaluation.metrics import padded
from recsys.recommender import Recommendations
from recsys.schema import IntArray, LongArray


def table(recommendations: Recommendations, user_ids: list[str], items: Vocabulary) -> pl.DataFrame:
    """Rows user_id, item_id, rank (i32, from 1), score, interest, probability (f32), sources (list of names), by list.

    The probability is null where the ranker has none.
    """
    sizes = np.diff(recommendations.indptr)
    starts = np.repeat(recommendations.indptr[:-1], sizes)
    names = pl.Series(list(items.ids), dtype=pl.String)
    bits = recommendations.sources.astype(np.int64)
    sources = [
        pl.when(pl.col("bits") & (1 << bit) != 0).then(pl.lit(name))
        for bit, name in enumerate(recommendations.source_names)
    ]
    return (
        pl.DataFrame(
            {
                "user_id": pl.Series(user_ids, dtype=pl.String).gather(np.repeat(np.arange(len(sizes)), sizes)),
                "item_id": names.gather(recommendations.item_idx),
                "rank": (np.arange(len(starts)) - starts + 1).astype(np.int32),
                "score": recommendations.score,
                "interest": recommendations.interest,
                "probability": pl.Series(recommendations.probability).fill_nan(None),
                "bits": bits,
            }
        )
        .with_columns(sources=pl.concat_list(sources).list.drop_nulls())
        .drop("bits")
    )


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
