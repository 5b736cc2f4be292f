"""Whether lists are more popular than what their users like.

With φ(i) the share of users who had taken item i, list_u the list of user u down to rank k, and profile_u the distinct
items the user had taken:

    popularity@k   mean of φ over list_u
    profile        mean of φ over profile_u
    lift@k         popularity@k ÷ profile - 1
    group lift     mean of popularity@k over the users of a group ÷ mean of profile over the same - 1: the ΔGAP of
                   Abdollahpouri, Mansoury, Burke & Mobasher 2019 (The unfairness of popularity bias in recommendation)

0 means as popular as what the user takes; 1 twice as popular. The mean of lift@k weighs users of rare tastes most, the
group's lift those of popular ones.
"""

import numpy as np
import polars as pl

from recsys.data.interactions import Histories, Interactions
from recsys.evaluation.compare import Estimate, ratio
from recsys.evaluation.metrics import USER, check_histories
from recsys.schema import DoubleArray, Instant, IntArray

_PROFILE = "profile"


def popularity(interactions: Interactions, *, as_of: Instant) -> DoubleArray:
    """float64 (n_items,), the share of users with a positive event before `as_of` who have one on the item."""
    taken = interactions.before(as_of).positives().events.select("user_idx", "item_idx").unique()
    counts = np.bincount(taken["item_idx"].to_numpy(), minlength=interactions.n_items)
    return np.asarray(counts / max(taken["user_idx"].n_unique(), 1), np.float64)


def popularity_lift(
    recommended: IntArray,
    user_idx: IntArray,
    *,
    histories: Histories,
    popularity: DoubleArray,
    lengths: tuple[int, ...],
) -> pl.DataFrame:
    """How popular each list is, and beside its user's own taste.

    Args:
        recommended: int32 (n, k), best first, -1 where a list has nothing.
        user_idx: int32 (n,), whose lists.
        histories: of the same n users; only positive events count.
        popularity: float64 (n_items,), of each item.
        lengths: the k.

    Returns:
        user_idx, profile, and for each length popularity@k and lift@k; null for an empty list, for a user who had
        taken nothing, and, of lift, where nobody had taken what the user had.

    Raises:
        ShapeError: lists, users and histories of other numbers.
    """
    check_histories(recommended, user_idx, histories)
    profile = _profile(histories.positives(), popularity)
    filled = recommended >= 0
    each = np.where(filled, popularity[recommended], 0.0)
    columns = {USER: pl.Series(user_idx, dtype=pl.Int32), _PROFILE: pl.Series(profile, dtype=pl.Float64)}
    with np.errstate(invalid="ignore", divide="ignore"):
        for k in lengths:
            mean = each[:, :k].sum(axis=1) / filled[:, :k].sum(axis=1)
            columns[f"popularity@{k}"] = pl.Series(mean, dtype=pl.Float64)
            lift = np.where(profile > 0, mean / profile - 1, np.nan)
            columns[f"lift@{k}"] = pl.Series(lift, dtype=pl.Float64)
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def group_lift(per_user: pl.DataFrame, k: int, *, samples: int = 2000, seed: int = 0) -> Estimate | None:
    """The group's lift at a length: both means over the users who have both; None without any.

    Args:
        per_user: rows of `popularity_lift`, of the users of a group.
        k: one of its lengths.
        samples: bootstrap resamples of users.
        seed: of the resamples.
    """
    known = per_user.drop_nulls([_PROFILE, f"popularity@{k}"])
    over = known.select(USER, mean=pl.col(f"popularity@{k}"))
    found = ratio(over, known.select(USER, mean=pl.col(_PROFILE)), "mean", samples=samples, seed=seed)
    if found is None:
        return None
    low, high = (None if bound is None else bound - 1 for bound in (found.low, found.high))
    return Estimate(mean=found.mean - 1, low=low, high=high, n=found.n)


def _profile(taken: Histories, popularity: DoubleArray) -> DoubleArray:
    """float64 (n,), the mean over each user's distinct items; NaN without any."""
    n_items = len(popularity)
    row, item = np.divmod(np.unique(taken.rows * n_items + taken.item_idx), n_items)
    with np.errstate(invalid="ignore"):
        sums, counts = (np.bincount(row, w, minlength=len(taken)) for w in (popularity[item], None))
        return np.asarray(sums / counts, np.float64)
