"""What users paid for the items that lists had shown them.

    revenue@k   Σ_{j≤k} a_j

with a_j what the user spent in the window on the item at rank j, 0 where nothing. Its mean over users is money a user,
found again and not earned: what the lists would have made users buy beside, no replay knows.
"""

import numpy as np
import polars as pl

from recsys.data.interactions import Interactions
from recsys.errors import ShapeError
from recsys.evaluation.metrics import USER, taken_at
from recsys.evaluation.truth import Truth
from recsys.schema import EVENT_CODES, DoubleArray, Instant, IntArray


def spent(interactions: Interactions, truth: Truth, *, start: Instant, end: Instant) -> DoubleArray:
    """float64 (m,), what was paid for each entry of a truth in [start, end): the summed values of its purchases.

    A purchase that was cancelled before `end`, or has no value, brought nothing.
    """
    bought = interactions.between(start, end).events.filter(pl.col("event") == EVENT_CODES["purchase"])
    paid = bought.group_by("user_idx", "item_idx").agg(pl.col("value").sum())
    entries = pl.DataFrame({"user_idx": truth.user_idx[truth.rows], "item_idx": truth.item_idx})
    found = entries.join(paid, on=["user_idx", "item_idx"], how="left", maintain_order="left")
    return found["value"].fill_null(0.0).to_numpy()


def revenue(recommended: IntArray, truth: Truth, *, amounts: DoubleArray, lengths: tuple[int, ...]) -> pl.DataFrame:
    """What each user paid for what a list holds.

    Args:
        recommended: int32 (n, k), best first, distinct items, -1 where a list has nothing.
        truth: of the same n users.
        amounts: float64 (m,), of each entry of the truth, such as `spent`; in the shop's currency.
        lengths: the k.

    Returns:
        user_idx and one column "revenue@k" for each length, for users who took anything.

    Raises:
        ShapeError: other users, an item twice in one list, or not one finite amount for each entry.
    """
    if amounts.shape != truth.item_idx.shape or not np.isfinite(amounts).all():
        raise ShapeError(
            f"Expected a finite amount for each of {len(truth.item_idx)} entries of the truth, got {len(amounts)}, "
            f"{int(np.count_nonzero(~np.isfinite(amounts)))} of them not finite."
        )
    judged = np.flatnonzero(truth.sizes)
    place = taken_at(recommended, truth)[judged]
    paid = np.append(amounts, 0.0)[place]  # -1 is the last: nothing
    columns = {USER: pl.Series(truth.user_idx[judged], dtype=pl.Int32)}
    columns |= {f"revenue@{k}": pl.Series(paid[:, :k].sum(axis=1), dtype=pl.Float64) for k in lengths}
    return pl.DataFrame(columns)
