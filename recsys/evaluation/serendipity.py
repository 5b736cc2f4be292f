"""What users took of a list that something simpler would not have shown them.

    serendipity@k   |{j ≤ k: h_j = 1 and item_j not in E}| ÷ k

with h_j = 1 where the item at rank j is in the user's truth, and E what the user can expect: the items that a primitive
method shows, such as the most popular ones. That is |unexpected ∩ useful| ÷ |list| of Ge, Delgado-Battenfeld & Jannach
2010 (in the form of Kaminskas & Bridge 2016), with k also where the list is shorter, as of precision.
"""

import numpy as np
import polars as pl

from recsys.errors import ShapeError
from recsys.evaluation.metrics import USER, relevance
from recsys.evaluation.truth import Truth
from recsys.schema import IntArray


def serendipity(recommended: IntArray, truth: Truth, *, expected: IntArray, lengths: tuple[int, ...]) -> pl.DataFrame:
    """How much of each list is a find.

    Args:
        recommended: int32 (n, k), best first, distinct items, -1 where a list has nothing.
        truth: of the same n users.
        expected: int32 (n, b), what the primitive method shows the same users, whatever the order; -1 is nothing. All
            of it counts at every length.
        lengths: the k.

    Returns:
        user_idx and one column "serendipity@k" for each length, for users who took anything.

    Raises:
        ShapeError: other users, or an item twice in one list.
    """
    if expected.ndim != 2 or len(expected) != len(truth):
        raise ShapeError(
            f"Expected what the primitive method shows as ({len(truth)}, b), one row for each user of the truth, got "
            f"{expected.shape}; recommend for truth.user_idx, in that order."
        )
    found = relevance(recommended, truth)
    for shown in expected.T:
        found &= recommended != shown[:, None]
    judged = np.flatnonzero(truth.sizes)
    finds = np.cumsum(found[judged], axis=1)
    columns = {USER: pl.Series(truth.user_idx[judged], dtype=pl.Int32)}
    for k in lengths:
        at = finds[:, min(k, finds.shape[1]) - 1] if finds.shape[1] else np.zeros(len(judged))
        columns[f"serendipity@{k}"] = pl.Series(at / k, dtype=pl.Float64)
    return pl.DataFrame(columns)
